#!/usr/bin/env python3
"""Write what the Keras that is installed here answers for a model, so that
`coldstream convert --check-csv` can compare and keep it as check vectors.

    python tools/keras/export_check.py MODEL > check.csv

MODEL is any file that this Keras loads and whose inputs are token ids (first
layer Embedding) or rows of features. Each row of the CSV is one input of the
batch: column `keras` is the version, `input` the input as JSON, shaped like the
model's input (with several inputs: a list of them), `output` likewise.
"""
import argparse
import csv
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

try:
    import keras
except ImportError:
    from tensorflow import keras
if not hasattr(keras, "saving") or int(keras.__version__.split(".")[0]) < 3:
    from tensorflow import keras


def vocabulary(model, tensor_name):
    """The number of ids of the Embedding that reads this input, or None."""
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
        vocab = vocabulary(model, t.name)
        if vocab is not None and len(shape) == 1:
            inputs.append(id_rows(rng, a.rows, shape[0], vocab))
        else:
            inputs.append(rng.standard_normal([a.rows] + shape).astype(np.float32))
    out = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = list(out) if isinstance(out, (list, tuple)) else [out]
    w = csv.writer(sys.stdout, lineterminator="\n")
    w.writerow(["keras", "input", "output"])
    for i in range(a.rows):
        # A float32's repr as a float64 gives it back exactly.
        x = [v[i].tolist() for v in inputs]
        y = [np.asarray(v[i], np.float32).astype(np.float64).tolist() for v in outputs]
        w.writerow([keras.__version__, json.dumps(x if len(x) > 1 else x[0]), json.dumps(y if len(y) > 1 else y[0])])


if __name__ == "__main__":
    main()
