"""The networks of bench/peers: their weights, their inputs and the outputs
that are right, computed in float64.

A network's folder holds index.json (its shape and where each tensor begins),
weights.bin (float32), ids.bin (int32, [rows][steps]). All engines read these.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

CLASSES = 3
SEED = 7
MEAN_LENGTH, LENGTH_SPREAD = 14.3, 5.5  # of posts, in words


@dataclass(frozen=True)
class Net:
    """An embedding, LSTMs one behind the other, a dense layer with softmax."""

    name: str
    vocab: int
    dim: int
    steps: int
    units: tuple  # of each LSTM; all but the last return sequences
    rows: int = 500
    bidirectional: bool = False  # one layer, final states concatenated
    masked: bool = False  # steps with id 0 are left out; padded behind, else in front
    mean_length: float = MEAN_LENGTH
    spread: float = LENGTH_SPREAD
    tensors: tuple = field(default=(), compare=False)  # (name, shape, offset in elements)

    @property
    def states(self):
        """Width of what the dense layer reads."""
        return self.units[-1] * (2 if self.bidirectional else 1)

    def lstms(self):
        """Yields (prefix of the tensors, width of the input, units, layer, backwards)."""
        width = self.dim
        for layer, units in enumerate(self.units):
            for backwards in (False, True)[: 1 + self.bidirectional]:
                yield f"lstm{layer}{'b' if backwards else ''}", width, units, layer, backwards
            width = units


NETS = {
    # The usual measure, and the model of the first version of this system.
    "reference": Net("reference", vocab=2000, dim=128, steps=28, units=(196,)),
    "origin": Net("origin", vocab=2000, dim=128, steps=28, units=(196, 128)),
    # The topology of models/default.keras.
    "default": Net("default", vocab=9000, dim=48, steps=36, units=(48,), bidirectional=True, masked=True),
}


def glorot(rng, rows, cols, gain=1.0):
    limit = gain * np.sqrt(6 / (rows + cols))
    return rng.uniform(-limit, limit, (rows, cols))


def orthogonal(rng, rows, cols, gain=1.0):
    q, _ = np.linalg.qr(rng.standard_normal((cols, rows)))
    return gain * q.T


def make(net, folder):
    """Writes a network's files, with the same content every time."""
    rng = np.random.default_rng(SEED)
    made = {}
    made["embeddings"] = rng.uniform(-0.3, 0.3, (net.vocab, net.dim))
    made["embeddings"][0] /= 6  # as trained: padding is near 0, words are spread
    for name, width, units, _, _ in net.lstms():
        made[name + ".kernel"] = glorot(rng, width, 4 * units, 2)
        made[name + ".recurrent"] = orthogonal(rng, units, 4 * units, 1.5)
        made[name + ".bias"] = np.concatenate([np.zeros(units), np.ones(units), np.zeros(2 * units)])
    made["dense.kernel"] = glorot(rng, net.states, CLASSES, 2)
    made["dense.bias"] = np.zeros(CLASSES)

    ids = np.zeros((net.rows, net.steps), np.int32)
    lengths = np.clip(np.round(rng.normal(net.mean_length, net.spread, net.rows)), 1, net.steps).astype(int)
    for row, n in enumerate(lengths):
        # Words are as unequally frequent as in texts.
        words = 1 + np.minimum(rng.zipf(1.25, n) - 1, net.vocab - 2)
        ids[row, slice(0, n) if net.masked else slice(net.steps - n, None)] = words

    folder.mkdir(parents=True, exist_ok=True)
    offset, tensors = 0, []
    with open(folder / "weights.bin", "wb") as f:
        for name, data in made.items():
            f.write(data.astype("<f4").tobytes())
            tensors.append({"name": name, "shape": list(data.shape), "offset": offset})
            offset += data.size
    ids.astype("<i4").tofile(folder / "ids.bin")
    index = asdict(net) | {"classes": CLASSES, "tensors": tensors}
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def load(folder):
    """Returns a network, its weights by name (float32) and its ids."""
    index = json.loads((Path(folder) / "index.json").read_text())
    raw = np.fromfile(Path(folder) / "weights.bin", "<f4")
    weights = {}
    for t in index["tensors"]:
        size = int(np.prod(t["shape"]))
        weights[t["name"]] = raw[t["offset"] : t["offset"] + size].reshape(t["shape"])
    del index["tensors"], index["classes"]
    index["units"] = tuple(index["units"])
    net = Net(**index)
    ids = np.fromfile(Path(folder) / "ids.bin", "<i4").reshape(net.rows, net.steps)
    return net, weights, ids


def outputs(net, weights, ids):
    """Returns the network's outputs in float64, [rows][classes].

    z = x·W + h·U + b, gates i f c o; c' = σ(zf) c + σ(zi) tanh(zc);
    h' = σ(zo) tanh(c')
    """
    w = {name: data.astype(np.float64) for name, data in weights.items()}
    real = ids != 0 if net.masked else np.ones(ids.shape, bool)
    sequence, layers = w["embeddings"][ids], {}
    for name, _, units, layer, backwards in net.lstms():
        h = np.zeros((len(ids), units))
        c = np.zeros_like(h)
        states = np.zeros((*ids.shape, units))
        for t in range(net.steps)[:: -1 if backwards else 1]:
            z = sequence[:, t] @ w[name + ".kernel"] + h @ w[name + ".recurrent"] + w[name + ".bias"]
            i, f, g, o = np.split(z, 4, axis=1)
            new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            keep = real[:, t, None]
            c, h = np.where(keep, new_c, c), np.where(keep, sigmoid(o) * np.tanh(new_c), h)
            states[:, t] = h
        layers.setdefault(layer, []).append(h)
        if not net.bidirectional:
            sequence = states
    top = np.concatenate(layers[len(net.units) - 1], axis=1)
    z = top @ w["dense.kernel"] + w["dense.bias"]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@dataclass(frozen=True)
class Work:
    """What one row needs at least, on average, with all known shortcuts."""

    flops: float  # of products
    bytes: float  # of matrices read, when rows are computed one by one


def work(net, ids, all_steps=False):
    """Counts the work per row. n is the number of real steps of a row, or of all
    steps:

    recurrent products: (n-1) · 2·u·4u FLOPs, (n-1) · 4·u·4u bytes. The first
    real step follows a state that all rows share, so its product can be kept.
    Input of the first layer: none, since a table can hold the product of each
    word. Input of a later layer, of d features: n · 2·d·4u FLOPs; 4·d·4u bytes,
    once, since one product can do all steps.
    """
    steps = np.full(len(ids), net.steps) if all_steps else (ids != 0).sum(axis=1)
    n, flops, read = float(steps.mean()), 0.0, 0.0
    for _, width, units, layer, _ in net.lstms():
        flops += (n - 1) * 2 * units * 4 * units
        read += (n - 1) * 4 * units * 4 * units
        if layer > 0:
            flops += n * 2 * width * 4 * units
            read += 4 * width * 4 * units
    return Work(flops, read)
