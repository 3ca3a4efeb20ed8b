"""The function with TensorFlow, as quick as TensorFlow allows: a frozen graph
instead of the Keras model, one call for the posts of all records of an event,
and the first call, which plans the graph, made before any event comes."""

import os

import numpy as np
import tensorflow as tf
from posts import STEPS, Tokenizer, transform

# Lambda gives one processor per so many megabytes but shows at least two.
MEGABYTES_PER_PROCESSOR = 1769

FOLDER = os.path.dirname(os.path.abspath(__file__))


def network():
    """Returns the graph that freeze.py wrote as a function of ids [rows][28]."""
    graph = tf.compat.v1.GraphDef()
    with open(os.path.join(FOLDER, "graph.pb"), "rb") as f:
        graph.ParseFromString(f.read())
    imported = tf.compat.v1.wrap_function(lambda: tf.compat.v1.import_graph_def(graph, name=""), [])
    return imported.prune(["ids:0"], ["Identity:0"])


memory = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0))
tf.config.threading.set_intra_op_parallelism_threads(max(1, memory // MEGABYTES_PER_PROCESSOR))
tf.config.threading.set_inter_op_parallelism_threads(1)
TOKENIZER = Tokenizer(os.path.join(FOLDER, "vocabulary.json"))
NETWORK = network()


def score(texts):
    ids = np.array([TOKENIZER.ids(text) for text in texts], np.int32).reshape(-1, STEPS)
    return NETWORK(tf.constant(ids))[0].numpy()


score([""])


def handler(event, context):
    return transform(event, score)
