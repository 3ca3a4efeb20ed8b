#!/usr/bin/env python3
"""Write models that take texts, as the Keras that is installed here saves them,
with its outputs, for the tests of internal/convert.

    python tools/keras/texts.py [--out DIR]

makes DIR/keras-VERSION.zip: a folder for each case, with case.json and the model
in every form that this Keras writes. case.json has "texts" (or "words" for models
that take words) and "outputs", or "refused", a part of the error that the
conversion must end in; "maxlen" is what convert needs to be told.
"""
import argparse
import io
import json
import os
import tempfile
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf

try:
    import keras

    VERSION = keras.__version__
except ImportError:
    VERSION = "2"
if VERSION[0] == "2":
    from tensorflow import keras
layers = keras.layers

REPOSITORY = Path(__file__).resolve().parents[2]
WORDS = ["the", "cat", "sat", "on", "mat", "dog", "caf\u00e9", "\u00c9t\u00e9", "\U0001F600", "dont", "The", "don't", "the cat", "cat sat", "t", "h", "e", "c", "a", " ", "the cat sat on the mat"]
TEXTS = ["the cat sat on the mat", "The CAT, sat... on the mat!", "", "   ", "dog dog dog dog dog dog dog dog dog the", "don't Don't DON'T", "caf\u00e9 \u00c9t\u00e9 \u00e9t\u00e9 \U0001F600",
         "\u00a0the\u00a0cat", "the\tcat\nsat\r\non", "zebra unknown the", "[UNK] the", "\u0130the"]


@keras.utils.register_keras_serializable(package="mine")
def shout(x):
    return tf.strings.upper(x)


def vectorization(words=WORDS, **options):
    options = {"output_sequence_length": 8, **options}
    if words is None:
        layer = layers.TextVectorization(**options)
        layer.adapt(tf.constant([[t] for t in TEXTS]))
        return layer
    return layers.TextVectorization(vocabulary=words, **options)


def tail(mask=True):
    return [layers.Embedding(40, 5, mask_zero=mask), layers.LSTM(4), layers.Dense(3, activation="softmax")]


def sequential(first, shape=(1,), **options):
    return keras.Sequential([keras.Input(shape, dtype="string"), first] + tail(**options))


def functional():
    x = text = keras.Input((1,), dtype="string", name="text")
    for layer in [vectorization(None)] + tail():
        x = layer(x)
    return keras.Model(text, x)


def nested():
    inner = keras.Sequential([keras.Input((8,), dtype="int64")] + tail())
    return keras.Sequential([keras.Input((1,), dtype="string"), vectorization(None), inner])


def nested_layer():
    inner = keras.Sequential([keras.Input((1,), dtype="string"), vectorization(None)])
    return keras.Sequential([keras.Input((1,), dtype="string"), inner] + tail())


def lookup(**options):
    return keras.Sequential([keras.Input((4,), dtype="string"), layers.StringLookup(vocabulary=WORDS[:6], **options)] + tail())


def two():
    text = keras.Input((1,), dtype="string", name="text")
    both = [layers.GlobalAveragePooling1D()(layers.Embedding(40, 3)(v(text))) for v in (vectorization(), vectorization(WORDS[:5]))]
    return keras.Model(text, layers.Dense(2)(layers.Concatenate()(both)))


def with_numbers():
    text, numbers = keras.Input((1,), dtype="string", name="text"), keras.Input((2,), name="numbers")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(40, 3)(vectorization()(text)))
    return keras.Model([text, numbers], layers.Dense(2)(layers.Concatenate()([x, numbers])))


def counted(mode):
    return keras.Sequential([keras.Input((1,), dtype="string"), vectorization(output_mode=mode, output_sequence_length=None), layers.Dense(2)])


VECTORIZATION = "(TextVectorization): "
CASES = {
    "adapted": (lambda: sequential(vectorization(None)), {}),
    "list": (lambda: sequential(vectorization()), {}),
    "scalar": (lambda: sequential(vectorization(None), shape=()), {}),
    "unmasked": (lambda: sequential(vectorization(None), mask=False), {}),
    "special_tokens_given": (lambda: sequential(vectorization(["", "[UNK]"] + WORDS)), {}),
    "unknown_as_word": (lambda: sequential(vectorization(["[UNK]"] + WORDS, standardize=None)), {}),
    "no_length": (lambda: sequential(vectorization(output_sequence_length=None)), {"maxlen": 12}),
    "functional": (functional, {}),
    "nested": (nested, {}),
    "nested_layer": (nested_layer, {}),
    "lower": (lambda: sequential(vectorization(standardize="lower")), {}),
    "strip": (lambda: sequential(vectorization(standardize="strip_punctuation")), {}),
    "as_written": (lambda: sequential(vectorization(standardize=None)), {}),
    "characters": (lambda: sequential(vectorization(split="character")), {}),
    "whole": (lambda: sequential(vectorization(split=None)), {}),
    "ngrams": (lambda: sequential(vectorization(ngrams=2)), {}),
    "ngrams_tuple": (lambda: sequential(vectorization(ngrams=(2, 1))), {}),
    "adapted_characters": (lambda: sequential(vectorization(None, split="character", max_tokens=30)), {"refused": VECTORIZATION + "its vocabulary has 30 words in the file, but vocabulary_size=29"}),
    "multi_hot": (lambda: counted("multi_hot"), {"refused": VECTORIZATION + 'output_mode="multi_hot" is not supported; only output_mode="int"'}),
    "count": (lambda: counted("count"), {"refused": VECTORIZATION + 'output_mode="count" is not supported'}),
    "custom_standardize": (lambda: sequential(vectorization(standardize=shout)), {"refused": 'shout" is not supported; use one of Keras\' own, or clean the texts'}),
    "custom_split": (lambda: sequential(vectorization(split=tf.strings.split)), {"refused": VECTORIZATION + "split="}),
    "ragged": (lambda: keras.Sequential([keras.Input((1,), dtype="string"), vectorization(ragged=True, output_sequence_length=None)]), {"refused": VECTORIZATION + "ragged=true is not supported"}),
    "two": (two, {"refused": VECTORIZATION + "the texts go into layer"}),
    "with_numbers": (with_numbers, {"refused": "makes the ids of one input, but the model has 2"}),
    "lookup": (lookup, {}),
    "lookup_masked": (lambda: lookup(mask_token=""), {}),
    "lookup_hot": (lambda: keras.Sequential([keras.Input((4,), dtype="string"), layers.StringLookup(vocabulary=WORDS[:6], output_mode="multi_hot"), layers.Dense(2)]), {"refused": '(StringLookup): output_mode="multi_hot" is not supported'}),
}


def randomise(model, rng):
    for w in model.weights:
        if hasattr(w, "shape") and hasattr(w, "assign") and np.prod(tuple(w.shape)) > 0:
            w.assign(rng.normal(size=tuple(w.shape)).astype(np.float32))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=str(REPOSITORY / "internal" / "convert" / "testdata" / "texts"))
    a = p.parse_args()
    from importlib.metadata import version
    name = f"keras-{version('keras')}.zip"
    os.makedirs(a.out, exist_ok=True)
    rng = np.random.default_rng(7)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z, tempfile.TemporaryDirectory() as tmp:
        def put(path, data):
            z.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)

        for case, (make, more) in CASES.items():
            keras.backend.clear_session()
            try:
                model = make()
            except Exception as e:  # a version that lacks an option
                print(f"{case}: not in this Keras: {str(e).splitlines()[0][:100]}")
                continue
            info = dict(more)
            if "refused" not in info:
                model.predict(tf.constant([["the"] * 4] if case.startswith("lookup") else [["the"]]), verbose=0)
                randomise(model, rng)
                if case.startswith("lookup"):
                    words = [["the", "cat", "zebra", ""], ["dog", "dog", "", ""], ["The", "mat", "sat", "on"]]
                    info["words"] = words
                    info["ids"] = np.asarray(model.layers[0](tf.constant(words))).tolist()
                    out = model.predict(tf.constant(words), verbose=0)
                else:
                    info["texts"] = TEXTS
                    # One by one: without a length Keras pads to the longest of a batch.
                    out = np.concatenate([model.predict(tf.constant([[t]]), verbose=0) for t in TEXTS if t.strip() or case != "no_length"])
                    if case == "no_length":
                        info["texts"] = [t for t in TEXTS if t.strip()]
                info["outputs"] = np.asarray(out, np.float64).tolist()
            put(f"{case}/case.json", json.dumps(info, ensure_ascii=True, indent=0))
            for form in ("model.keras", "model.h5"):
                path = os.path.join(tmp, form)
                try:
                    model.save(path)
                except Exception:  # Keras 2 does not write vocabularies into HDF5
                    continue
                put(f"{case}/{form}", Path(path).read_bytes())
    Path(a.out, name).write_bytes(buffer.getvalue())


if __name__ == "__main__":
    main()
