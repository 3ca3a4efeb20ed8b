"""Writes what real Keras answers for rows of a CSV file, to compare other programs with.

    python tools/keras/predict_rows.py models/origin.h5 --csv Sentiment.csv -o rows.csv
    python tools/keras/predict_rows.py models/default.keras --csv Sentiment.csv --split gop_split_v1.tsv -o rows.csv

The output has the columns id,label,p0,p1,p2: the row's id, the name of the
most probable label and the probabilities with the digits that give the float32
back. With --split only rows of the test fold are written. An .h5 model takes
tf.keras 2.15 (requirements-origin.txt), a .keras model Keras 3
(requirements-default.txt). The tokenizer is MODEL's name with .tokenizer.json.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

import corpora

BATCH = 512


def origin_probabilities(model, tokenizer, texts):
    import train_origin
    from tensorflow import keras

    fitted = keras.preprocessing.text.tokenizer_from_json(tokenizer.read_text(encoding="utf-8"))
    ids = keras.preprocessing.sequence.pad_sequences(
        fitted.texts_to_sequences([train_origin.clean(t) for t in texts]), maxlen=train_origin.MAXLEN)
    return keras.models.load_model(model, compile=False).predict(ids, batch_size=BATCH, verbose=0)


def default_probabilities(model, tokenizer, texts):
    import posts
    import student

    ids = student.encode(posts.Vocabulary.read(tokenizer), texts)
    return student.predict(student.keras.models.load_model(model), ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--csv", type=Path, required=True)
    parser.add_argument("--id-column", default="id")
    parser.add_argument("--text-column", default="text")
    parser.add_argument("--split", type=Path, help="gop_split_v1.tsv: write its test rows only")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()

    with open(args.csv, encoding="utf-8", newline="") as f:
        rows = [(r[args.id_column], r[args.text_column]) for r in csv.DictReader(f)]
    if args.split:
        with open(args.split, encoding="utf-8", newline="") as f:
            test = {r["id"] for r in csv.DictReader(f, delimiter="\t") if r["split"] == "test"}
        rows = [r for r in rows if r[0] in test]

    probabilities = origin_probabilities if args.model.suffix == ".h5" else default_probabilities
    p = probabilities(args.model, args.model.with_suffix(".tokenizer.json"), [text for _, text in rows])
    with open(args.output, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["id", "label", "p0", "p1", "p2"])
        for (row, _), probability in zip(rows, np.asarray(p, np.float32)):
            out.writerow([row, corpora.LABELS[probability.argmax()], *(str(x) for x in probability)])


if __name__ == "__main__":
    main()
