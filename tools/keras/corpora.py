"""The labelled tweets the models are trained and measured on.

Nothing here depends on a machine learning library, so both Python
environments can import it. The texts live outside the repository: in
``../shared/data`` beside it, or where ``COLDSTREAM_DATA`` points. Their
licences forbid copies here.

Labels are indices into LABELS everywhere. Run as a program, it prints what
docs/models.md says about the annotations of the GOP set.
"""

import csv
import hashlib
import html
import json
import os
import re
from collections import Counter, namedtuple
from pathlib import Path

LABELS = ("Negative", "Neutral", "Positive")

REPOSITORY = Path(__file__).resolve().parents[2]

# One row of the GOP debate set joined with its row of gop_split_v1.tsv.
Post = namedtuple("Post", "id text label group fold representative random split")

# One distinct training text: soft label (its annotations averaged), weight in
# the loss and the set it comes from (an index into DOMAINS).
Example = namedtuple("Example", "text target weight domain")

DOMAINS = ("semeval", "airline", "gop")


def data_directory():
    """Returns the folder with gop/ and tweets/, or raises SystemExit."""
    folder = Path(os.environ.get("COLDSTREAM_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (folder / "gop" / "Sentiment.csv").is_file():
        raise SystemExit(f"training data not found in {folder}: set COLDSTREAM_DATA")
    return folder


def label_index(name):
    return LABELS.index(name.strip().capitalize())


def gop(data):
    """Returns all 13,871 posts in file order, joined with the split on id.

    Some tweet ids repeat, the row id does not. The split file carries the
    first 12 hex digits of each text's SHA-1: a different copy of the data
    set is refused here instead of giving other figures.
    """
    with open(data / "gop" / "gop_split_v1.tsv", encoding="utf-8", newline="") as f:
        split = {r["id"]: r for r in csv.DictReader(f, delimiter="\t")}
    posts = []
    with open(data / "gop" / "Sentiment.csv", encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            s = split.pop(row["id"])
            if hashlib.sha1(row["text"].encode()).hexdigest()[:12] != s["text_sha1_12"]:
                raise SystemExit(f"row {row['id']}: text differs from the one the split was made for")
            posts.append(Post(
                row["id"], row["text"], label_index(row["sentiment"]), s["dup_group"], int(s["fold"]),
                s["representative"] == "1", s["random80_20_seed42"], s["split"]))
    if split:
        raise SystemExit(f"{len(split)} rows of the split are missing in Sentiment.csv")
    return posts


def representatives(posts, split):
    """Returns one post per group of near-duplicates of the given split."""
    return [p for p in posts if p.split == split and p.representative]


def tweeteval_validation(data):
    """Returns (texts, labels) of TweetEval's sentiment validation set, 2,000 rows."""
    folder = data / "tweets"
    texts = (folder / "tweeteval_val_text.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    labels = [int(x) for x in (folder / "tweeteval_val_labels.txt").read_text().split()]
    if len(texts) != len(labels):
        raise SystemExit(f"TweetEval validation: {len(texts)} texts, {len(labels)} labels")
    return texts, labels


# SemEval's files are double-escaped: HTML entities twice, non-ASCII as \\uXXXX.
_UNICODE_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_URL = re.compile(r"(?:https?:|www\.)\S*", re.I)
_MENTION = re.compile(r"@\w+")


def unescape(text):
    """Undoes the escaping that the SemEval files were published with."""
    text = _UNICODE_ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), text)
    # Emoji were written as two escaped surrogates; unpaired ones are dropped.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    text = html.unescape(html.unescape(text)).replace('\\""', '"')
    return re.sub(r"\s+", " ", text).strip().strip('"').strip()


def leak_key(text):
    """Returns the form in which two texts count as the same post.

    Lower case letters and digits only, without retweet mark, mentions and
    addresses; the text itself where nothing is left.
    """
    text = unescape(text)
    key = _MENTION.sub(" ", _URL.sub(" ", text)).lower()
    key = re.sub(r"^\s*rt\b", " ", key)
    return re.sub(r"[^a-z0-9]+", "", key) or text


def held_out_keys(data, posts):
    """Returns the keys that no training text may have: every GOP row outside
    the training split and all of TweetEval validation."""
    keys = {leak_key(p.text) for p in posts if p.split != "train"}
    keys.update(leak_key(t) for t in tweeteval_validation(data)[0])
    return keys


def training_examples(data, posts):
    """Returns (examples, counts) for `default`: distinct texts of SemEval,
    airline and GOP train, none of which is in a validation or test set.

    Annotations of one text are averaged into a soft label. Weights follow
    the recipe: airline .7, GOP doubled and divided by the square root of the
    size of its group of near-duplicates, so that one much-retweeted post does
    not drown the rest.
    """
    held_out = held_out_keys(data, posts)
    counts = Counter()
    merged = {}

    def add(domain, text, label, weight, summed):
        key = leak_key(text)
        if key in held_out:
            counts[f"{DOMAINS[domain]}: in a validation or test set"] += 1
            return
        # Different sets annotate by different rules: merge within one only.
        entry = merged.setdefault((domain, key), [unescape(text), [0, 0, 0], 0.0])
        entry[1][label] += 1
        entry[2] = entry[2] + weight if summed else weight
        counts[f"{DOMAINS[domain]}: rows"] += 1

    for file in sorted((data / "tweets" / "semeval").glob("*.tsv")):
        for line in file.read_text(encoding="utf-8").split("\n"):
            fields = line.rstrip("\t").split("\t")
            if len(fields) < 3 or fields[1].capitalize() not in LABELS or fields[2] == "Not Available":
                counts["semeval: unusable lines"] += bool(line)
                continue
            add(0, fields[2], label_index(fields[1]), 1.0, False)
    with open(data / "tweets" / "airline_Tweets.csv", encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            add(1, row["text"], label_index(row["airline_sentiment"]), 0.7, False)
    size = Counter(p.group for p in posts)
    for p in posts:
        if p.split == "train":
            add(2, p.text, p.label, 2 * size[p.group] ** -0.5, True)

    examples = [Example(text, tuple(c / sum(votes) for c in votes), weight, domain)
                for (domain, _), (text, votes, weight) in merged.items()]
    for e in examples:
        counts[f"{DOMAINS[e.domain]}: distinct texts"] += 1
    return examples, dict(sorted(counts.items()))


def agreement(posts):
    """Returns shares over the GOP set: rows that are retweets; pairs of
    annotations of near-duplicates that agree, as the mean over groups of two
    rows and more; and rows of these groups with their group's commonest label,
    which no model can beat there."""
    groups = {}
    for p in posts:
        groups.setdefault(p.group, Counter())[p.label] += 1
    groups = [g for g in groups.values() if g.total() > 1]
    pairs = [sum(n * (n - 1) for n in g.values()) / (g.total() * (g.total() - 1)) for g in groups]
    return {
        "retweets": round(sum(bool(re.match(r"\s*RT\b", p.text)) for p in posts) / len(posts), 5),
        "pairs_that_agree": round(sum(pairs) / len(pairs), 5),
        "rows_with_the_commonest_label": round(sum(max(g.values()) for g in groups) / sum(g.total() for g in groups), 5),
    }


if __name__ == "__main__":
    print(json.dumps(agreement(gop(data_directory())), indent=1))
