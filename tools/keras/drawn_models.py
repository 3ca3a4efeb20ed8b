"""Random models for differential.py: Sequential ones, and Functional ones with
branches, shared layers, several inputs and outputs, and models inside."""
from goldens import L, keras
import drawn_layers as layers

VOCAB = 11


class Unsuitable(Exception):
    """A draw that makes no model."""


def size(shape):
    return tuple(shape)[1:]


def draw_from(d, table, shape):
    """A layer of the table that suits the shape."""
    entries = [e for e in table if d.allows(e[0])]
    for _ in range(20):
        entry = d.pick(entries, [e[1] for e in entries])
        layer = entry[2](d, shape)
        if layer is not None:
            return layer
    raise Unsuitable(f"no layer for shape {shape}")


def embedding(d):
    return L.Embedding(VOCAB, d.integer(1, 6), mask_zero=d.chance(.75))


def text_input(d, steps):
    dtype = d.pick([None, "int32"])
    return keras.Input((steps,), **({"dtype": dtype} if dtype else {}))


def model(d):
    """Returns a model and what its inputs are: "ids", "values" or "masked"."""
    return functional(d) if d.chance(.55, "Functional") else sequential(d)


def steps_of(d):
    n = d.integer(2, 9)
    return None if d.chance(.12) else n


def tail(d, shape):
    return L.Dense(d.integer(1, 4), activation=d.pick(["softmax", "sigmoid", None]))


# Sequential -----------------------------------------------------------------

def sequential(d):
    steps, kind = steps_of(d), d.pick(["ids", "masked", "values"], [6, 3, 1])
    m = keras.Sequential()
    if d.chance(.04, "hierarchical"):  # words of sentences
        kind, words = "ids", d.integer(2, 5)
        m.add(keras.Input((d.integer(1, 4), words)))
        encoder = keras.Sequential([keras.Input((words,)), embedding(d)])
        encoder.add(draw_from(d, layers.LAST, size(encoder.outputs[0].shape)))
        m.add(L.TimeDistributed(encoder))
    elif kind == "ids":
        m.add(text_input(d, steps))
        m.add(embedding(d))
    elif d.chance(.15, "TimeDistributed"):
        shape = (d.integer(1, 4), d.integer(1, 5), d.integer(1, 4))
        m.add(keras.Input(shape))
        if d.chance(.3):
            m.add(L.TimeDistributed(L.Masking(0.)))
        m.add(layers.time_distributed_steps(d, shape))
        if len(m.outputs[0].shape) == 4:
            m.add(L.TimeDistributed(L.GlobalMaxPooling1D()))
        kind = "values"
    else:
        shape = (steps, d.integer(1, 6))
        m.add(keras.Input(shape))
        if kind == "masked":
            m.add(L.Masking(0.))
        elif kind == "values":
            m.add(L.Dropout(.1))
    if kind == "ids" and d.chance(.3):
        m.add(L.SpatialDropout1D(.3))
    add(d, m, d.integer(0, 3))
    return m, [kind]


def add(d, m, n):
    """Adds a chain of layers to a Sequential model."""
    for layer in chain(d, lambda: size(m.outputs[0].shape), n):
        m.add(layer)


def chain(d, shape, n):
    """Draws n layers that keep a sequence, then mostly one that leaves a vector
    and a Dense head. shape returns the current shape."""
    for _ in range(n):
        yield draw_from(d, layers.SEQUENCE, shape())
    if d.chance(.2):
        yield tail(d, shape())
        return
    yield draw_from(d, layers.LAST, shape())
    for _ in range(d.pick([0, 1, 2], [3, 2, 1])):
        yield draw_from(d, layers.VECTOR, shape())
    if d.chance(.2) and (d.allows("RepeatVector") and d.allows("Reshape")):
        yield draw_from(d, layers.EXPANDING, shape())
        yield draw_from(d, layers.SEQUENCE, shape())
        yield draw_from(d, layers.LAST, shape())
    yield tail(d, shape())


# Functional -----------------------------------------------------------------

class Growth:
    """Tensors of a Functional model while it is drawn."""

    def __init__(self, d):
        self.d = d
        self.inputs, self.kinds = [], []
        self.open = []  # tensors that nothing uses yet

    def source(self, steps):
        d, kind = self.d, self.d.pick(["ids", "masked", "values"], [6, 2, 1])
        if kind == "ids":
            i = text_input(d, steps)
            x = embedding(d)(i)
            if d.chance(.25):  # another table for the same ids
                self.open.append(embedding(d)(i))
        else:
            i = x = keras.Input((steps, d.integer(1, 6)))
            if kind == "masked":
                x = L.Masking(0.)(x)
        self.inputs.append(i)
        self.kinds.append(kind)
        self.open.append(x)

    def take(self, want):
        """Takes an open tensor with as many axes as wanted; sometimes it stays
        open for another branch."""
        fit = [i for i, x in enumerate(self.open) if len(x.shape) == want + 1]
        if not fit:
            return None
        i = self.d.pick(fit)
        x = self.open[i]
        if not self.d.chance(.2):
            del self.open[i]
        return x

    def sequences(self):
        return [x for x in self.open if len(x.shape) == 3]

    def put(self, *tensors):
        self.open += tensors


def step_layer(g):
    x = g.take(2)
    if x is not None:
        g.put(draw_from(g.d, layers.SEQUENCE, size(x.shape))(x))


def step_vector(g):
    x = g.take(1)
    if x is not None:
        g.put(draw_from(g.d, layers.VECTOR, size(x.shape))(x))


def step_reduce(g):
    x = g.take(2)
    if x is not None:
        g.put(draw_from(g.d, layers.LAST, size(x.shape))(x))


def step_both_ways(g):
    """A Bidirectional layer that returns both directions."""
    x = g.take(2)
    if x is None:
        return
    y = layers.bidirectional(g.d, size(x.shape), g.d.chance(.5), merge="none")(x)
    if g.d.chance(.5):
        g.put(*y)
    else:
        g.put(L.Concatenate()(list(y)))


def step_states(g):
    """A layer that returns its states; another may start from them."""
    d, x = g.d, g.take(2)
    if x is None:
        return
    if d.chance(.2, "return_state"):  # of both directions, side by side
        n = layers.units(d)
        both = L.Bidirectional(L.LSTM(n, return_state=True, return_sequences=d.chance(.5)))
        y, *states = both(x)
        h, c = L.Concatenate()(states[::2]), L.Concatenate()(states[1::2])
        if d.chance(.5, "initial_state"):
            h = L.LSTM(2 * n, return_sequences=d.chance(.5))(x, initial_state=[h, c])
        return g.put(y, h)
    kind = layers.recurrent_kind(d)
    options = {"units": layers.units(d), "return_state": True, "unroll": False}
    first = layers.recurrent(d, size(x.shape), d.chance(.5), kind, **options)
    y, *states = first(x)
    if d.chance(.5, "initial_state"):
        other = g.take(2)
        other = x if other is None else other
        second = layers.recurrent(d, size(other.shape), d.chance(.5), kind, units=options["units"])
        g.put(y, second(other, initial_state=states if len(states) > 1 or d.chance(.5) else states[0]))
    elif d.allows("return_state"):
        g.put(y, *states) if d.chance(.5) else g.put(states[0])
    else:
        g.put(y)


MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]


def step_merge(g):
    """Two tensors of one shape, or side by side."""
    d = g.d
    x = g.take(2 if d.chance(.7) else 1)
    if x is None:
        return
    same = [y for y in g.open if tuple(y.shape) == tuple(x.shape) and y is not x]
    n = len(x.shape)
    if not same:  # make one
        a, b = size(x.shape)[-1], (draw_from(d, [e for e in layers.SEQUENCE if e[0] in ("LSTM", "Dense")], size(x.shape)) if n == 3 else L.Dense(3))(x)
        y = b if b.shape[-1] == a else L.Dense(a, activation=d.activation())(b)
    else:
        y = d.pick(same)
    kind = d.pick(MERGES + ["Concatenate", "Concatenate:1", "Dot"], [1.5, .8, 1, 1, .8, .8, 3, .8, 1])
    if not d.allows(kind):
        kind = "Concatenate"
    pair = [x, y] if d.chance(.5) else [y, x]
    if d.chance(.2) and kind in ("Add", "Multiply", "Average", "Maximum", "Minimum"):
        pair.append(d.pick(pair))
    if kind == "Concatenate":
        g.put(L.Concatenate(axis=d.pick([-1, n - 1]))(pair))
    elif kind == "Concatenate:1":
        g.put(L.Concatenate(axis=1)(pair))
    elif kind == "Dot":
        normal = d.chance(.3)
        axes = d.pick([1, 2, (2, 2), (1, 1), -1]) if n == 3 else 1
        g.put(L.Dot(axes=axes, normalize=normal)(pair))
    else:
        g.put(getattr(L, kind)()(pair))


def step_attention(g):
    """Attention of one sequence to itself or to another."""
    d = g.d
    kind = d.pick(["Attention", "AdditiveAttention", "MultiHeadAttention"])
    x, y = g.take(2), g.take(2)
    causal, other = d.chance(.25), d.chance(.5)
    scale, mode, heads = d.chance(.5), d.pick(["dot", "concat"], [3, 1]), d.integer(1, 3)
    key, value, bias = d.integer(1, 4), d.pick([None, d.integer(1, 4)]), not d.chance(.2)
    shape = d.pick([None, d.integer(1, 6)])
    if x is None or not d.allows(kind):
        return g.put(*[t for t in (x, y) if t is not None])
    if y is None or other:
        if y is not None:
            g.put(y)
        y = x
    if kind == "MultiHeadAttention":
        layer = L.MultiHeadAttention(heads, key, value_dim=value, use_bias=bias, output_shape=shape, dropout=.1)
        return g.put(layer(x, y, **({"use_causal_mask": True} if causal else {})))
    if x.shape[-1] != y.shape[-1]:
        y = L.Dense(x.shape[-1])(y)
    layer = L.Attention(use_scale=scale, score_mode=mode) if kind == "Attention" else L.AdditiveAttention(use_scale=scale)
    g.put(layer([x, y], **({"use_causal_mask": True} if causal else {})))


def step_shared(g):
    """One layer for two tensors of the same size."""
    d, x = g.d, g.take(2)
    if x is None:
        return
    same = [y for y in g.sequences() if y.shape[-1] == x.shape[-1] and y is not x]
    y = d.pick(same) if same else L.Dropout(.1)(x)
    layer = draw_from(d, layers.LAST if d.chance(.5) else layers.SEQUENCE, (None, size(x.shape)[1]))
    g.put(layer(x), layer(y))


def step_model(g):
    """A model inside the model, sometimes used twice."""
    d, x = g.d, g.take(2)
    if x is None or not d.allows("nested"):
        return g.put(x) if x is not None else None
    shape = size(x.shape)
    if d.chance(.5):
        inner = keras.Sequential([keras.Input(shape), L.Dropout(.1)])
        add(d, inner, d.integer(0, 2))
    else:
        i = keras.Input(shape)
        a = draw_from(d, layers.SEQUENCE, shape)(i)
        b = draw_from(d, layers.LAST, size(a.shape))(a)
        inner = keras.Model(i, [a, b] if d.chance(.3) else b)
    y = inner(x)
    g.put(*(y if isinstance(y, (list, tuple)) else [y]))
    if d.chance(.3):
        y = inner(L.Dropout(.1)(x))
        g.put(*(y if isinstance(y, (list, tuple)) else [y]))


def step_expand(g):
    x = g.take(1)
    if x is None or not (g.d.allows("RepeatVector") and g.d.allows("Reshape")):
        return g.put(x) if x is not None else None
    g.put(draw_from(g.d, layers.EXPANDING, size(x.shape))(x))


STEPS = [(step_layer, 7), (step_reduce, 2), (step_vector, 1), (step_merge, 4), (step_attention, 3), (step_shared, 1.2),
         (step_model, 1.2), (step_expand, .7), (step_both_ways, .8), (step_states, 1.2)]


def functional(d):
    g = Growth(d)
    steps = steps_of(d)
    for _ in range(d.pick([1, 2, 3], [5, 4, 1])):
        g.source(steps if d.chance(.8) else d.integer(2, 9))
    if d.chance(.1):
        i = keras.Input((d.integer(1, 6),))
        g.inputs.append(i)
        g.kinds.append("values")
        g.put(i)
    for _ in range(d.integer(1, 6)):
        d.pick([s for s, _ in STEPS], [w for _, w in STEPS])(g)
        if len(g.open) > 6:
            step_reduce(g)
    return finish(g)


def finish(g):
    """Makes outputs of what is open: all as they are, or joined into one."""
    d, ends = g.d, []
    if d.chance(.15):
        ends = g.open
    else:
        for x in g.open:
            ends.append(draw_from(d, layers.LAST, size(x.shape))(x) if len(x.shape) == 3 else x)
        while any(len(x.shape) != 2 for x in ends):
            ends = [L.Flatten()(x) for x in ends]
        if len(ends) > 1 and d.chance(.8):
            ends = [L.Concatenate()(ends)]
        ends = [tail(d, size(x.shape))(x) for x in ends]
    for i in g.inputs:
        if any(i is e for e in ends):
            raise Unsuitable("an input is an output")
    return keras.Model(g.inputs if len(g.inputs) > 1 else g.inputs[0], ends if len(ends) > 1 else ends[0]), g.kinds
