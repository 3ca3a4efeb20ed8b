#!/usr/bin/env python3
"""Write what the Keras that is installed here answers for a model, so that
`coldstream convert --check` can compare and keep it as check vectors.

    python tools/keras/export_check.py MODEL > check.json

MODEL is any file that this Keras loads and whose inputs are token ids (read by
an Embedding) or rows of features.
"""
import argparse
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

try:
    import keras

    VERSION = keras.__version__
except ImportError:
    from tensorflow import __version__ as VERSION
if int(VERSION.split(".")[0]) < 3:
    from tensorflow import keras


def vocabulary(model):
    """The number of ids of the model's first Embedding, or None."""
    for layer in model._flatten_layers() if hasattr(model, "_flatten_layers") else model.layers:
        if type(layer).__name__ == "Embedding":
            return layer.input_dim
    return None


def id_rows(rng, rows, steps, vocab):
    """Rows of ids that reach what random ones miss: nothing but padding, padding on either side and inside, full length, the highest id."""
    x = np.zeros((rows, steps), np.int32)
    for i in range(rows):
        n = int(rng.integers(1, steps + 1))
        ids = rng.integers(1, vocab, n) if vocab > 1 else np.zeros(n)
        kind = i % 6
        if kind == 0:
            x[i, steps - n:] = ids
        elif kind == 1:
            x[i, :n] = ids
        elif kind == 2:
            x[i] = rng.integers(1, vocab, steps) if vocab > 1 else 0
        elif kind == 3:
            x[i] = rng.integers(0, vocab, steps) * (rng.random(steps) < 0.7)
        elif kind == 4:
            x[i, steps - n:] = ids
            x[i, -1] = vocab - 1
    return x


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--rows", type=int, default=18)
    p.add_argument("--steps", type=int, default=12, help="length of a variable axis")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    model = keras.models.load_model(a.model, compile=False)
    rng = np.random.default_rng(a.seed)
    inputs = []
    for t in model.inputs:
        shape = [a.steps if d is None else int(d) for d in tuple(t.shape)[1:]]
        vocab = vocabulary(model)
        if vocab is not None and len(shape) == 1:
            inputs.append(id_rows(rng, a.rows, shape[0], vocab))
        else:
            inputs.append(rng.standard_normal([a.rows] + shape).astype(np.float32))
    out = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = list(out) if isinstance(out, (list, tuple)) else [out]
    def tensor(v, **kind):
        # A float32's repr as a float64 gives it back exactly; JSON has no NaN.
        flat = [None if x != x else x for x in np.asarray(v).reshape(-1).tolist()]
        return dict(kind, shape=list(v.shape[1:]), data=flat)

    json.dump({
        "origin": "keras " + VERSION,
        "rows": a.rows,
        "inputs": [tensor(v, kind="ids" if v.dtype == np.int32 else "values") for v in inputs],
        "outputs": [tensor(np.asarray(v, np.float32).astype(np.float64)) for v in outputs],
    }, sys.stdout)
    print()


if __name__ == "__main__":
    main()
