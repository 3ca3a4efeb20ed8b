#!/usr/bin/env python3
"""Write what Keras' TextVectorization makes of texts, for the tests of
internal/text.

    python tools/keras/vectorization.py [--out FILE]

The file (internal/text/testdata/vectorization.json unless told otherwise) has
rows for odd texts, and digests of the rows for every text of the data sets,
which are not part of the repository (see corpora.py). Keras 2.15 and Keras 3
write the same but for the versions in it.
"""
import argparse
import hashlib
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf

import corpora
import tokens
from tensorflow import keras

ROWS = 1000  # texts in one digest
LENGTH = 30

OPTIONS = [
    dict(),
    dict(standardize="lower"),
    dict(standardize="strip_punctuation"),
    dict(standardize=None),
    dict(ngrams=2),
    dict(ngrams=(3, 1, 1)),
    dict(split="character"),
    dict(split="character", ngrams=(2,), standardize="lower"),
    dict(split=None),
    dict(split=None, standardize=None, ngrams=2),
]

SPACES = [9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000, 0xFEFF]


def odd_texts():
    texts = ["", " ", "  \t ", "the", "The THE tHe", "the cat sat on the mat", "don't", "a,b", "a , b", "[UNK]", "[unk] unk", "...", "!the!", "_", "a_b"]
    texts += ["a" + chr(c) + "the" for c in range(1, 128)]
    texts += ["the" + chr(c) + "cat" + chr(c) for c in SPACES]
    texts += ["\u00c9t\u00e9 CAF\u00c9 \u0130stanbul \u03a3\u0391\u03a3 \u00df", "\U0001F600 \U0001F468\u200d\U0001F469\u200d\U0001F467 the", "\u65e5\u672c\u8a9e \u0e20\u0e32\u0e29\u0e32", "e\u0301 \u00e9"]
    texts += ["the " * 50, "x" * 3000, "the" + "!" * 500, "\ufffd the"]
    return texts


VOCABULARY = ["the", "cat", "a", "b", "ab", "athe", "thecat", "dont", "don't", "[unk]", "unk", "The", "on the", "the cat", "cat sat", "the the", "the cat sat",
              "t", "h", "e", "t h", "h e", " ", "\u00e9", "\u00c9t\u00e9", "\u00e9t\u00e9", "\U0001F600", "\u65e5\u672c\u8a9e", "\u65e5", "\u0301", "...", "_", "a_b", "the cat sat on the mat"]


def layer(options, **more):
    return keras.layers.TextVectorization(output_sequence_length=LENGTH, **options, **more)


def call(vectorize, texts):
    """The rows of ids; texts goes in as a column, as in a model."""
    rows = []
    for i in range(0, len(texts), ROWS):
        rows.append(np.asarray(vectorize(tf.constant([[t] for t in texts[i:i + ROWS]]))))
    return np.concatenate(rows)


def config(options):
    ngrams = options.get("ngrams")
    if isinstance(ngrams, int):
        ngrams = list(range(1, ngrams + 1))
    return {"kind": "textvectorization", "standardize": options.get("standardize", "lower_and_strip_punctuation"), "split": options.get("split", "whitespace"),
            "ngrams": list(ngrams) if ngrams else None, "num_words": 0, "oov_token": "[UNK]", "maxlen": LENGTH, "padding": "post", "truncating": "post"}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", default=str(corpora.REPOSITORY / "internal" / "text" / "testdata" / "vectorization.json"))
    a = p.parse_args()
    texts = odd_texts()
    sets = tokens.corpus_texts(corpora.data_directory())
    out = {"command": "python tools/keras/vectorization.py", "tensorflow": tf.__version__, "rows": ROWS, "texts": texts, "vocabulary": VOCABULARY, "cases": [], "corpora": []}
    for options in OPTIONS:
        rows = call(layer(options, vocabulary=VOCABULARY), texts)
        out["cases"].append({"config": config(options), "ids": [" ".join(map(str, np.trim_zeros(r, "b").tolist())) for r in rows]})
    for options in OPTIONS[:8]:
        vectorize = layer(options, max_tokens=4000)
        vectorize.adapt(tf.data.Dataset.from_tensor_slices(sets["gop"]).batch(ROWS))
        words = vectorize.get_vocabulary()
        digests = {}
        for name, all_texts in sets.items():
            digests[name] = tokens.digests(all_texts, lambda t: call(vectorize, t).tolist())
        out["corpora"].append({"config": config(options), "words": len(words), "words_sha256": hashlib.sha256("".join(w + "\0" for w in words).encode()).hexdigest()[:32], "sets": digests})
    with open(a.out, "w", encoding="utf-8") as f:
        json.dump(out, f, indent=0)
        f.write("\n")


if __name__ == "__main__":
    main()
