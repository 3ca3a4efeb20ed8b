"""Figures of merit of a three-class classifier, with bootstrap intervals.

Start with `report`. Probabilities are [rows, 3], labels [rows].
"""

import numpy as np

CLASSES = 3
BINS = 15  # of the calibration error, the customary number


def accuracy(p, y):
    return float((p.argmax(1) == y).mean())


def recalls(p, y):
    h = p.argmax(1)
    return [float((h[y == c] == c).mean()) for c in range(CLASSES)]


def macro_recall(p, y):
    return float(np.mean(recalls(p, y)))


def macro_f1(p, y):
    h = p.argmax(1)
    f1 = [2 * ((h == c) & (y == c)).sum() / max(1, (h == c).sum() + (y == c).sum()) for c in range(CLASSES)]
    return float(np.mean(f1))


def nll(p, y):
    """Mean negative log-likelihood in nats; probabilities clipped at 1e-9."""
    return float(-np.log(np.clip(p[np.arange(len(y)), y], 1e-9, 1)).mean())


def ece(p, y):
    """Expected calibration error over BINS equal bins of the top probability."""
    confidence, right = p.max(1), p.argmax(1) == y
    which = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    error = 0.0
    for b in range(BINS):
        inside = which == b
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return float(error)


METRICS = {"accuracy": accuracy, "macro_f1": macro_f1, "macro_recall": macro_recall, "nll": nll, "ece": ece}


def report(p, y):
    """Returns every metric and the recall of each class, as a dict of floats."""
    p, y = np.asarray(p, np.float64), np.asarray(y)
    out = {name: round(f(p, y), 5) for name, f in METRICS.items()}
    out["recall_per_class"] = [round(r, 5) for r in recalls(p, y)]
    out["rows"] = len(y)
    return out


def interval(probabilities, y, metric, draws=2000, seed=0):
    """Returns the 95 % bootstrap interval over rows of a metric's mean over seeds.

    probabilities is a list with one [rows, 3] array per seed; every draw takes
    the same rows from each, so the interval speaks of the test set's size,
    not of the seeds.
    """
    y = np.asarray(y)
    rng = np.random.RandomState(seed)
    values = []
    for _ in range(draws):
        rows = rng.randint(0, len(y), len(y))
        values.append(np.mean([METRICS[metric](p[rows], y[rows]) for p in probabilities]))
    low, high = np.percentile(values, [2.5, 97.5])
    return [round(float(low), 5), round(float(high), 5)]


def summary(probabilities, y):
    """Returns {"seeds": [report...], "mean": {...}, "interval95": {...}}.

    The calibration error has no interval: drawing rows again adds noise to
    every bin, so its bootstrap lies above the figure itself.
    """
    seeds = [report(p, y) for p in probabilities]
    ps = [np.asarray(p, np.float64) for p in probabilities]
    return {
        "seeds": seeds,
        "mean": {m: round(float(np.mean([s[m] for s in seeds])), 5) for m in METRICS},
        "interval95": {m: interval(ps, y, m) for m in METRICS if m != "ece"},
    }
