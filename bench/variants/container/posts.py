"""Records and posts without Keras: what a record's data says, the ids of its
words, and the record's answer. Shared by the functions that use no Keras."""

import base64
import binascii
import json
import re

STEPS = 28
LABELS = ("Negative", "Neutral", "Positive")

_DROPPED = re.compile(r"[^a-zA-z0-9\s]")
# What Keras' Tokenizer replaces by a space: its default filters.
_FILTERED = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))


class Tokenizer:
    """Gives the ids that Keras' Tokenizer and pad_sequences give, padding in
    front, after the cleaning that the model was trained with."""

    def __init__(self, path):
        """Reads a JSON array of words in the order of their ids, from 1 on."""
        with open(path, encoding="utf-8") as f:
            self._ids = {word: i for i, word in enumerate(json.load(f), 1)}

    def ids(self, text):
        cleaned = _DROPPED.sub("", text.lower()).replace("rt", "").translate(_FILTERED)
        known = [self._ids[word] for word in cleaned.split(" ") if word in self._ids][-STEPS:]
        return [0] * (STEPS - len(known)) + known


def text(record):
    """Returns the post in a record: its data, or the "text" of the JSON object
    that it is. Raises ValueError when there is none."""
    data = record.get("data")
    if not isinstance(data, str):
        raise ValueError("record without data")
    raw = binascii.a2b_base64(data, strict_mode=True).decode()
    if not raw.lstrip().startswith("{"):
        return raw[:-1].removesuffix("\r") if raw.endswith("\n") else raw
    post = json.loads(raw).get("text")
    if not isinstance(post, str):
        raise ValueError('record without "text"')
    return post


def transform(event, score):
    """Answers a Firehose transformation event. score(texts) returns one row of
    probabilities per text; it is called once, with the texts of all records
    that have one. The other records fail."""
    texts = []
    for record in event["records"]:
        try:
            texts.append(text(record))
        except (ValueError, RecursionError):
            texts.append(None)
    posts = [t for t in texts if t is not None]
    rows = iter(score(posts) if posts else ())
    answers = []
    for record, post in zip(event["records"], texts):
        if post is None:
            answers.append({"recordId": record["recordId"], "result": "ProcessingFailed"})
            continue
        row = next(rows)
        best = row.argmax()
        line = {"message": post, "sentiment": LABELS[best], "score": float(row[best])}
        data = base64.b64encode((json.dumps(line) + "\n").encode()).decode()
        answers.append({"recordId": record["recordId"], "result": "Ok", "data": data})
    return {"records": answers}
