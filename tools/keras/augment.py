"""Perturbed copies of training texts, to be labelled by the teacher.

`copies` deletes words, crops, mixes spans of two posts of one set, or replaces
words: the student then sees many sentences that nobody wrote but whose label
the teacher can still give.
"""

import random

COPIES = 2
SEED = 7


def _span(words, low, high, least, rng):
    n = min(len(words), max(least, int(len(words) * rng.uniform(low, high))))
    start = rng.randint(0, len(words) - n)
    return words[start:start + n]


def _perturb(words, other, rng):
    u = rng.random() if len(words) >= 4 else 0.6
    if u < 0.35:
        rate = rng.choice((0.1, 0.2, 0.3))
        return [w for w in words if rng.random() > rate] or words
    if u < 0.55:
        return _span(words, 0.4, 0.8, 3, rng)
    if u < 0.85:
        a, b = _span(words, 0.3, 0.7, 2, rng), _span(other, 0.3, 0.7, 2, rng)
        return a + b if rng.random() < 0.5 else b + a
    return [rng.choice(other) if rng.random() < 0.15 else w for w in words]


def copies(texts, domains):
    """Returns (texts, sources): COPIES perturbed texts per text, and the index
    of the text each was made from. The same input gives the same output."""
    rng = random.Random(SEED)
    words = [t.split() or ["."] for t in texts]
    of_domain = {}
    for i, d in enumerate(domains):
        of_domain.setdefault(d, []).append(i)
    made, sources = [], []
    for _ in range(COPIES):
        for i, d in enumerate(domains):
            made.append(" ".join(_perturb(words[i], words[rng.choice(of_domain[d])], rng)))
            sources.append(i)
    return made, sources
