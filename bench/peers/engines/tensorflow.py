"""TensorFlow with Keras 3: a compiled function, the same through XLA, and
`model.predict`.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402


def engine(variant):
    return Engine(variant)


class Engine:
    version = f"tensorflow {tf.__version__}, keras {keras.__version__}"

    def __init__(self, variant):
        self.variant = variant
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)

    def load(self, net, weights, ids, folder):
        return model(net, weights), ids

    def calls(self, network, batches):
        net, ids = network
        if self.variant == "predict":
            size = batches[0].stop - batches[0].start
            return [lambda x=ids[rows]: net.predict(x, batch_size=size, verbose=0) for rows in batches]
        shape = ids[batches[0]].shape
        run = compiled(net, shape, xla=self.variant == "xla")
        return [lambda x=tf.constant(ids[rows]): run(x).numpy() for rows in batches]


def compiled(net, shape, xla):
    """Returns the model as a function of ids of one shape."""
    f = tf.function(
        lambda ids: net(ids, training=False),
        input_signature=[tf.TensorSpec(shape, tf.int32)],
        jit_compile=xla,
    )
    return f.get_concrete_function() if not xla else f


def model(net, weights):
    """Returns the Keras model with these weights."""
    layers = [
        keras.Input((net.steps,), dtype="int32"),
        keras.layers.Embedding(net.vocab, net.dim, mask_zero=net.masked),
    ]
    for i, units in enumerate(net.units):
        layer = keras.layers.LSTM(units, return_sequences=i + 1 < len(net.units))
        layers.append(keras.layers.Bidirectional(layer) if net.bidirectional else layer)
    layers.append(keras.layers.Dense(3, activation="softmax"))
    made = keras.Sequential(layers)
    values = [weights["embeddings"]]
    for name, *_ in net.lstms():
        values += [weights[f"{name}.{part}"] for part in ("kernel", "recurrent", "bias")]
    made.set_weights([np.asarray(v) for v in [*values, weights["dense.kernel"], weights["dense.bias"]]])
    return made
