"""The function in Python with ONNX Runtime: the posts of all records of an event
are scored together."""

import os

import numpy as np
import onnxruntime
from posts import STEPS, Tokenizer, transform

# Rows per call: an event of any length needs the same memory, and the states of
# a layer stay in the cache.
CHUNK = 64

# Lambda gives one processor per so many megabytes but shows at least two. With
# more threads than processors ONNX Runtime's waiting threads use up the share
# that the working one needs; below 3538 MB that means one thread, which is also
# the quickest start, since no pool is made.
MEGABYTES_PER_PROCESSOR = 1769

FOLDER = os.path.dirname(os.path.abspath(__file__))


def session():
    options = onnxruntime.SessionOptions()
    memory = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0))
    options.intra_op_num_threads = max(1, memory // MEGABYTES_PER_PROCESSOR)
    options.inter_op_num_threads = 1
    model = os.path.join(FOLDER, "model.onnx")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


TOKENIZER = Tokenizer(os.path.join(FOLDER, "vocabulary.json"))
SESSION = session()


def score(texts):
    ids = np.array([TOKENIZER.ids(text) for text in texts], np.int32).reshape(-1, STEPS)
    parts = (ids[at : at + CHUNK] for at in range(0, len(ids), CHUNK))
    return np.concatenate([SESSION.run(None, {"ids": part})[0] for part in parts])


def handler(event, context):
    return transform(event, score)
