"""The negation probe: invented sentences, their labels and the kind of turn in them.

`sentences` reads negation_probe.tsv, `report` says how a model does on it.
Kinds: a negator over a bad thing, a negator over a good thing, idioms, and
controls that say the same without a negator.
"""

import csv
from pathlib import Path

import numpy as np

import corpora

EXAMPLE = "Not bad at all!"


def sentences():
    """Returns a list of dicts with label, kind and text."""
    with open(Path(__file__).with_name("negation_probe.tsv"), encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def report(rows, p):
    """Returns for each kind the share of sentences whose label comes first, and of
    those where the right one of Positive and Negative is ahead; p is [rows, 3]."""
    want = np.array([corpora.label_index(r["label"]) for r in rows])
    label = p.argmax(1) == want
    polarity = p[np.arange(len(rows)), want] > p[np.arange(len(rows)), 2 - want]
    out = {}
    for kind in dict.fromkeys(r["kind"] for r in rows):
        of = np.array([r["kind"] == kind for r in rows])
        out[kind] = {"sentences": int(of.sum()), "label": round(float(label[of].mean()), 4),
                     "polarity": round(float(polarity[of].mean()), 4)}
    example = next(i for i, r in enumerate(rows) if r["text"] == EXAMPLE)
    out[EXAMPLE] = [round(float(x), 4) for x in p[example]]
    return out
