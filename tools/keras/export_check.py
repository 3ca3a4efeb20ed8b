#!/usr/bin/env python3
"""Write what the Keras that is installed here answers for a model, so that
`coldstream convert --check` can compare and keep it as check vectors.

    python tools/keras/export_check.py MODEL > check.json
    python tools/keras/export_check.py MODEL --csv check.csv [--texts posts.txt [--tokenizer tokenizer.json --padding pre]]

MODEL is any file that this Keras loads and whose inputs are token ids (read by
an Embedding), rows of features, or texts (read by a TextVectorization). With
--csv the file is one for `coldstream convert --check-csv`, and --texts, a file
with a text on each line, is what the model is asked; a model of ids needs its
tokenizer for that, Tokenizer.to_json() or a pickle that you trust.
"""
import argparse
import csv
import json
import os
import pickle
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


TEXTS = ["", "The quick brown fox jumps over the lazy dog.", "I LOVE it!!! #great @someone https://example.com/x", "it isn't good, it's terrible", "na\u00efve caf\u00e9 \U0001F600", "word " * 60]


def read_tokenizer(path):
    """The Tokenizer in a file: to_json() or a pickle."""
    try:
        from keras.preprocessing.text import tokenizer_from_json
    except ImportError:
        from keras.src.legacy.preprocessing.text import tokenizer_from_json
    with open(path, "rb") as f:
        content = f.read()
    if not content.lstrip().startswith((b"{", b'"')):
        return pickle.loads(content)
    text = content.decode("utf-8")
    return tokenizer_from_json(json.loads(text) if text.lstrip().startswith('"') else text)


def flat_columns(outputs):
    """One row of numbers for each row of the outputs."""
    return np.concatenate([v.reshape(len(v), -1) for v in outputs], axis=1)


def write_csv(path, kind, cells, outputs):
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f)
        rows = flat_columns(outputs)
        out.writerow([kind] + [f"output{i}" for i in range(rows.shape[1])])
        for cell, row in zip(cells, rows):
            out.writerow([cell] + [repr(float(x)) for x in row])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--rows", type=int, default=18)
    p.add_argument("--steps", type=int, default=12, help="length of a variable axis")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--csv", help="write a CSV file for --check-csv")
    p.add_argument("--texts", help="a text on each line, in place of random ids")
    p.add_argument("--tokenizer", help="what makes ids of --texts")
    p.add_argument("--maxlen", type=int, help="length of the rows of ids (default: the model's)")
    p.add_argument("--padding", default="pre", choices=["pre", "post"])
    p.add_argument("--truncating", default="pre", choices=["pre", "post"])
    a = p.parse_args()
    model = keras.models.load_model(a.model, compile=False)
    rng = np.random.default_rng(a.seed)
    texts = TEXTS
    if a.texts:
        with open(a.texts, encoding="utf-8", newline="\n") as f:
            texts = f.read().removesuffix("\n").split("\n")
    strings = any("str" in str(t.dtype) for t in model.inputs)
    if strings and (len(model.inputs) > 1 or not a.csv):
        raise SystemExit("a model that takes texts must have one input, and is checked with --csv")
    if a.texts and not strings and not (a.tokenizer and a.csv and len(model.inputs) == 1):
        raise SystemExit("--texts needs --csv and, as the model takes ids, --tokenizer")
    inputs = []
    for t in [] if strings or a.texts else model.inputs:
        shape = [a.steps if d is None else int(d) for d in tuple(t.shape)[1:]]
        vocab = vocabulary(model)
        if vocab is not None and len(shape) == 1:
            inputs.append(id_rows(rng, a.rows, shape[0], vocab))
        else:
            inputs.append(rng.standard_normal([a.rows] + shape).astype(np.float32))
    if strings:
        import tensorflow as tf

        # One by one: without a length a TextVectorization pads to the longest of a batch.
        inputs = [tf.constant([[t] for t in texts])]
        out = [model.predict(tf.constant([[t]]), verbose=0) for t in texts]
        outputs = [np.concatenate(v) for v in zip(*out)] if isinstance(out[0], (list, tuple)) else [np.concatenate(out)]
        return write_csv(a.csv, "text", texts, outputs)
    if a.texts:
        length = a.maxlen or tuple(model.inputs[0].shape)[1]
        if not length:
            raise SystemExit("the model takes rows of any length: say --maxlen")
        inputs = [keras.utils.pad_sequences(read_tokenizer(a.tokenizer).texts_to_sequences(texts), length, padding=a.padding, truncating=a.truncating)]
    out = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = [np.asarray(v) for v in (out if isinstance(out, (list, tuple)) else [out])]
    if a.csv:
        if a.texts:
            return write_csv(a.csv, "text", texts, outputs)
        ids = all(x.dtype == np.int32 for x in inputs)
        cells = [json.dumps([x[i].tolist() for x in inputs] if len(inputs) > 1 else inputs[0][i].tolist()) for i in range(a.rows)]
        return write_csv(a.csv, "ids" if ids and len(inputs) == 1 else "inputs", cells, outputs)

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
