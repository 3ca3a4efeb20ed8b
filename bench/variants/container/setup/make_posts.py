"""Writes posts.csv, which stands for the data set that the published programs
read when they start and that cannot be passed on.
Usage: make_posts.py origin.tokenizer.json posts.csv

It has the data set's rows and columns, about its bytes, and no sentence of it:
the words are those of the tokenizer with their counts, in a random order. The
tokenizer was fitted on a part of the data set (document_count), so the counts
are raised by the ratio of the rows; since it is above 1, different counts stay
different. Of equally frequent words Keras numbers the first seen first, so the
words come up for the first time in the order of their ids. Hence reading,
cleaning and fitting take the work they took, and give the same word_index.
How many posts have a word (word_docs) has no part in it and is not kept.
"""

import csv
import json
import random
import re
import sys

ROWS = 13_871
COLUMNS = (
    "id,candidate,candidate_confidence,relevant_yn,relevant_yn_confidence,sentiment,sentiment_confidence,"
    "subject_matter,subject_matter_confidence,candidate_gold,name,relevant_yn_gold,retweet_count,"
    "sentiment_gold,subject_matter_gold,text,tweet_coord,tweet_created,tweet_id,tweet_location,user_timezone"
).split(",")
LABELS = ["Negative"] * 8493 + ["Neutral"] * 3142 + ["Positive"] * 2236
SEED = 1


def clean(text):
    return re.sub(r"[^a-zA-z0-9\s]", "", text.lower()).replace("rt", "")


def as_posted(word, rng):
    """Returns a word as people write it: what cleaning makes the word of."""
    word = word.replace("rt", "rrtt")
    style = rng.random()
    if style < 0.15:
        return word.capitalize()
    if style < 0.25:
        return rng.choice("#@") + word
    if style < 0.35:
        return word + rng.choice(".,!?:")
    return word


def texts(config, rng):
    """Returns the text of each row."""
    counts, ratio = json.loads(config["word_counts"]), ROWS / config["document_count"]
    ids = json.loads(config["word_index"])
    seen = []  # (when, word), from 0 to 1
    for word, i in ids.items():
        first = i / (len(ids) + 1)
        seen.append((first, word))
        seen.extend((rng.uniform(first, 1), word) for _ in range(round(counts[word] * ratio) - 1))
    seen.sort(key=lambda s: s[0])
    words = [word for _, word in seen]
    bounds = [len(words) * row // ROWS for row in range(ROWS + 1)]
    for begin, end in zip(bounds, bounds[1:]):
        yield " ".join(as_posted(word, rng) for word in words[begin:end])


def check(config, rows):
    """Fits the rows as Keras does and compares."""
    counts = {}
    for row in rows:
        for word in clean(row).split(" "):
            counts[word] = counts.get(word, 0) + 1
    got = sorted(counts, key=counts.get, reverse=True)
    want = sorted(json.loads(config["word_index"]).items(), key=lambda w: w[1])
    if got != [word for word, _ in want]:
        sys.exit("make_posts.py: the posts give other ids than the tokenizer has")


def main(tokenizer, path):
    with open(tokenizer, encoding="utf-8") as f:
        config = json.load(f)["config"]
    rng = random.Random(SEED)
    rows = list(texts(config, rng))
    check(config, rows)
    rng.shuffle(LABELS)
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.DictWriter(f, COLUMNS, restval="", lineterminator="\n")
        out.writeheader()
        for i, text in enumerate(rows, 1):
            out.writerow(
                {
                    "id": i,
                    "candidate": "No candidate mentioned",
                    "candidate_confidence": 1.0,
                    "relevant_yn": "yes",
                    "relevant_yn_confidence": 1.0,
                    "sentiment": LABELS[i - 1],
                    "sentiment_confidence": round(rng.uniform(0.3, 1), 4),
                    "subject_matter": "None of the above",
                    "subject_matter_confidence": round(rng.uniform(0.3, 1), 4),
                    "name": f"name{rng.randrange(10**6)}",
                    "retweet_count": rng.randrange(500),
                    "text": text,
                    "tweet_created": "2015-08-07 09:54:46 -0700",
                    "tweet_id": 629697199650263040 + i,
                    "tweet_location": "somewhere",
                    "user_timezone": "Eastern Time (US & Canada)",
                }
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
