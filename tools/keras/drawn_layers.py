"""Random layers for differential.py, one function for each kind.

A function takes a Draw and the shape of the layer's input without the batch
(None = a variable number of steps) and returns the layer, or None where the
shape does not suit it. Everything is drawn whether this Keras has it or not,
so that one seed means the same model in both versions where it can.
"""
import numpy as np

from goldens import KERAS3, L, keras

# Activations by how often they are drawn. Where this Keras lacks one, tanh
# takes its place.
BOTH = "relu tanh sigmoid softmax linear hard_sigmoid elu selu softplus softsign exponential swish gelu mish".split()
NEW = ("celu hard_shrink hard_silu hard_swish hard_tanh leaky_relu log_sigmoid log_softmax relu6 silu "
       "soft_shrink sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink glu").split()
# Of single elements, and tame enough for a recurrence.
CELL = "tanh sigmoid relu hard_sigmoid softsign elu linear selu swish gelu softplus mish".split()
CELL_NEW = "hard_tanh leaky_relu relu6 silu hard_silu celu log_sigmoid soft_shrink".split()


class Draw:
    """Random choices, among what is allowed."""

    def __init__(self, seed, allowed=None):
        self.rng = np.random.default_rng(seed)
        self.allowed = allowed

    def allows(self, name):
        return self.allowed is None or name in self.allowed

    def chance(self, p, name=None):
        """True with probability p, never for a name that is not allowed."""
        hit = self.rng.random() < p
        return bool(hit) and (name is None or self.allows(name))

    def integer(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def number(self, low, high):
        return round(float(self.rng.uniform(low, high)), 3)

    def pick(self, choices, weights=None):
        w = np.array([1.0] * len(choices) if weights is None else weights, float)
        return choices[int(self.rng.choice(len(choices), p=w / w.sum()))]

    def activation(self, softmax=True):
        name = self.pick(BOTH + NEW, [4] * 4 + [1] * (len(BOTH) - 4) + [.6] * len(NEW))
        if not KERAS3 and name in NEW or name == "glu" or name == "softmax" and not softmax:
            return "tanh"
        return name if self.allows("activation:" + name) else "tanh"

    def cell_activation(self, usual):
        if self.chance(.55):
            return usual
        name = self.pick(CELL + CELL_NEW)
        if not KERAS3 and name in CELL_NEW:
            return usual
        return name if self.allows("activation:" + name) else usual


def units(d):
    return d.integer(1, 9)


# Recurrent layers -----------------------------------------------------------

def cell_options(d, kind):
    o = {"activation": d.cell_activation("tanh"), "use_bias": not d.chance(.15)}
    gate = d.cell_activation("sigmoid")
    # Keras 2 takes a second to compile a layer without recurrent_dropout.
    if d.chance(.9):
        o["dropout"], o["recurrent_dropout"] = .2, .1
    after = d.chance(.6)
    if kind != "SimpleRNN":
        o["recurrent_activation"] = gate
    if kind == "GRU":
        o["reset_after"] = after
    return o


def recurrent_kind(d):
    kind = d.pick(["LSTM", "GRU", "SimpleRNN"], [5, 3, 1.5])
    return kind if d.allows(kind) else "LSTM"


def recurrent(d, shape, sequences, kind=None, **fixed):
    kind = kind or recurrent_kind(d)
    o = cell_options(d, kind)
    o["units"] = units(d)
    o["return_sequences"] = sequences
    o["go_backwards"] = d.chance(.2)
    # An unrolled layer needs to know its steps.
    o["unroll"] = d.chance(.1) and shape[0] is not None and shape[0] > 1
    zero = d.chance(.12)
    if zero and d.allows("zero_output_for_mask"):
        o["zero_output_for_mask"] = True
    o.update(fixed)
    return getattr(L, kind)(**o)


def cell(d):
    kind = recurrent_kind(d)
    return getattr(L, kind + "Cell")(units=units(d), **cell_options(d, kind))


def generic_rnn(d, shape, sequences):
    cells = [cell(d) for _ in range(d.pick([1, 2, 3], [5, 3, 1]))]
    back, unroll, zero = d.chance(.2), d.chance(.1), d.chance(.12)
    o = {"return_sequences": sequences, "go_backwards": back}
    if zero and d.allows("zero_output_for_mask"):
        o["zero_output_for_mask"] = True
    if unroll and shape[0] is not None and shape[0] > 1:
        o["unroll"] = True
    wrapped = d.chance(.5)
    inside = cells[0] if len(cells) == 1 else L.StackedRNNCells(cells) if wrapped else cells
    return L.RNN(inside, **o)


def bidirectional(d, shape, sequences, merge=None):
    mode = merge or d.pick(["concat", "sum", "mul", "ave"], [5, 1, 1, 1])
    if mode == "none":
        mode = None
    if d.chance(.12, "RNN"):
        forward = generic_rnn(d, shape, sequences)
        if forward.go_backwards:
            forward.go_backwards = False
        return L.Bidirectional(forward, merge_mode=mode)
    kind = recurrent_kind(d)
    forward = recurrent(d, shape, sequences, kind, go_backwards=False)
    other = d.chance(.2)
    if not other:
        return L.Bidirectional(forward, merge_mode=mode)
    kind = recurrent_kind(d)
    return L.Bidirectional(forward, merge_mode=mode,
                           backward_layer=recurrent(d, shape, sequences, kind, units=forward.units, go_backwards=True))


# Layers over sequences ------------------------------------------------------

def conv_sizes(d, shape, causal=True):
    size, padding = d.integer(1, 4), d.pick(["valid", "same"] + ["causal"] * causal)
    strides, dilation = d.pick([1, 2, 3], [5, 2, 1]), d.pick([1, 2, 3], [5, 2, 1])
    if strides > 1:
        dilation = 1
    if padding == "valid" and (shape[0] or 5) < dilation * (size - 1) + 1:
        padding = "same"
    return {"kernel_size": size, "padding": padding, "strides": strides, "dilation_rate": dilation}


def conv(d, shape):
    o = conv_sizes(d, shape)
    groups = d.pick([g for g in (1, 2, 3) if shape[1] % g == 0])
    return L.Conv1D(groups * d.integer(1, 4), **o, groups=groups, activation=d.activation(), use_bias=not d.chance(.2))


def separable_conv(d, shape):
    return L.SeparableConv1D(d.integer(1, 6), **conv_sizes(d, shape, causal=not KERAS3), depth_multiplier=d.integer(1, 2),
                             activation=d.activation(), use_bias=not d.chance(.2))


def depthwise_conv(d, shape):
    o = conv_sizes(d, shape, causal=False)
    return L.DepthwiseConv1D(**o, depth_multiplier=d.integer(1, 2), activation=d.activation(), use_bias=not d.chance(.2))


def pooling(kind):
    def make(d, shape):
        size = d.integer(1, 3)
        padding, strides = d.pick(["valid", "same"]), d.pick([None, 1, 2])
        if (shape[0] or 5) < size:
            padding = "same"
        return getattr(L, kind)(size, strides=strides, padding=padding)
    return make


def zero_padding(d, shape):
    return L.ZeroPadding1D(d.pick([d.integer(0, 2), (d.integer(0, 2), d.integer(0, 2))]))


def cropping(d, shape):
    a, b = d.integer(0, 2), d.integer(0, 2)
    return L.Cropping1D((a, b)) if a + b < (shape[0] or 5) else None


def up_sampling(d, shape):
    n = d.integer(1, 3)
    return L.UpSampling1D(n) if (shape[0] or 1) * n <= 20 else None


def permute(d, shape):
    return L.Permute((2, 1)) if shape[0] is not None else None


def time_distributed(d, shape):
    kind = d.pick(["dense", "activation", "flatten", "model", "normalization", "dropout"], [4, 1, 1, 3, 1, 1])
    if kind == "dense":
        inner = dense(d, shape[1:])
    elif kind == "activation":
        inner = L.Activation(d.activation())
    elif kind == "flatten":
        inner = L.Flatten()
    elif kind == "model":
        a, b = dense(d, shape[1:]), dense(d, shape[1:])
        inner = keras.Sequential([keras.Input((shape[-1],)), a, L.Dropout(.1), b])
    elif kind == "normalization":
        inner = L.LayerNormalization()
    else:
        inner = L.Dropout(.2)
    return L.TimeDistributed(inner)


def time_distributed_steps(d, shape):
    """Over [sentences][words][features]."""
    inner = shape[1:]
    kind = d.pick(["recurrent", "conv", "flatten", "pool", "model", "bidirectional", "dense"], [4, 1, 1, 1, 2, 1, 1])
    if kind == "recurrent":
        layer = recurrent(d, inner, d.chance(.3))
    elif kind == "bidirectional":
        layer = bidirectional(d, inner, d.chance(.3))
    elif kind == "conv":
        layer = conv(d, inner)
    elif kind == "flatten":
        layer = L.Flatten()
    elif kind == "pool":
        layer = L.GlobalMaxPooling1D() if d.chance(.5) else L.GlobalAveragePooling1D()
    elif kind == "dense":
        layer = dense(d, inner[1:])
    else:
        layer = keras.Sequential([keras.Input(inner), recurrent(d, inner, False), dense(d, (1,))])
    return L.TimeDistributed(layer)


# Layers over any shape ------------------------------------------------------

def dense(d, shape):
    return L.Dense(units(d), activation=d.activation(), use_bias=not d.chance(.2))


def batch_normalization(d, shape):
    axis = d.pick([-1, 1], [4, 1])
    if len(shape) == 2 and axis == 1 and shape[0] is None:
        axis = -1
    return L.BatchNormalization(axis=axis, center=not d.chance(.2), scale=not d.chance(.2), epsilon=d.pick([1e-3, 1e-5, .1]))


def layer_normalization(d, shape):
    axis = d.pick([-1, [1, 2], 1], [5, 1, 1])
    if len(shape) != 2 or shape[0] is None:
        axis = -1
    return L.LayerNormalization(axis=axis, center=not d.chance(.2), scale=not d.chance(.2), epsilon=d.pick([1e-3, 1e-6, .1]))


def unit_normalization(d, shape):
    axis = d.pick([-1, 1, [1, 2]], [4, 1, 1])
    return L.UnitNormalization(axis=-1 if len(shape) != 2 else axis)


def softmax(d, shape):
    axis = d.pick([-1, 1], [4, 1])
    return L.Softmax(axis=axis if d.allows("Softmax:axis") else -1)


def relu(d, shape):
    top, slope, low = d.pick([None, 1., 6.]), d.pick([0., .1]), d.pick([0., .2])
    if not d.allows("ReLU:options"):
        return L.ReLU()
    return L.ReLU(max_value=top, negative_slope=slope, threshold=low)


def leaky_relu(d, shape):
    slope = d.pick([.3, .1, .01])
    return L.LeakyReLU(negative_slope=slope) if KERAS3 else L.LeakyReLU(alpha=slope)


def prelu(d, shape):
    shared = d.chance(.5) or shape[0] is None
    return L.PReLU(shared_axes=[1] if shared and len(shape) == 2 else None)


def elu(d, shape):
    return L.ELU(alpha=d.pick([1., .5, 2.]))


def thresholded_relu(d, shape):
    theta = d.pick([1., .3])
    return L.Activation("linear") if KERAS3 else L.ThresholdedReLU(theta=theta)


def quiet(d, shape):
    """A layer that does nothing when predicting."""
    kind = d.pick("Dropout SpatialDropout1D GaussianNoise GaussianDropout AlphaDropout ActivityRegularization".split(), [4, 2, 1, 1, 1, 1])
    if kind == "SpatialDropout1D" and len(shape) != 2 or kind == "AlphaDropout" and not hasattr(L, kind):
        kind = "Dropout"
    return L.ActivityRegularization(l2=.1) if kind == "ActivityRegularization" else getattr(L, kind)(.2)


def activation(d, shape):
    return L.Activation(d.activation())


# What may follow a sequence and leave one, a sequence and leave a vector, a
# vector and leave one, a vector and leave a sequence: (name, weight, function).
ANY = [
    ("Dense", 4, dense), ("Activation", 1.2, activation), ("Softmax", .4, softmax), ("ReLU", .5, relu),
    ("LeakyReLU", .5, leaky_relu), ("PReLU", .5, prelu), ("ELU", .4, elu), ("ThresholdedReLU", .4, thresholded_relu),
    ("BatchNormalization", .8, batch_normalization), ("LayerNormalization", .8, layer_normalization),
    ("UnitNormalization", .5, unit_normalization), ("Dropout", 2, quiet),
]


def masking(d, shape):
    return L.Masking(d.pick([0., -1.]))


SEQUENCE = ANY + [
    ("LSTM", 9, lambda d, s: recurrent(d, s, True)), ("Bidirectional", 5, lambda d, s: bidirectional(d, s, True)),
    ("RNN", 1.5, lambda d, s: generic_rnn(d, s, True)), ("TimeDistributed", 2, time_distributed),
    ("Masking", .5, masking), ("Permute", .5, permute),
    ("Conv1D", 1.5, conv), ("SeparableConv1D", .6, separable_conv), ("DepthwiseConv1D", .6, depthwise_conv),
    ("MaxPooling1D", .6, pooling("MaxPooling1D")), ("AveragePooling1D", .6, pooling("AveragePooling1D")),
    ("ZeroPadding1D", .5, zero_padding), ("Cropping1D", .5, cropping), ("UpSampling1D", .5, up_sampling),
]

LAST = [
    ("LSTM", 8, lambda d, s: recurrent(d, s, False)), ("Bidirectional", 4, lambda d, s: bidirectional(d, s, False)),
    ("RNN", 1.5, lambda d, s: generic_rnn(d, s, False)),
    ("GlobalMaxPooling1D", 1.5, lambda d, s: L.GlobalMaxPooling1D()),
    ("GlobalAveragePooling1D", 1.5, lambda d, s: L.GlobalAveragePooling1D()),
    ("Flatten", 1, lambda d, s: L.Flatten() if s[0] is not None else None),
]


def repeat(d, shape):
    return L.RepeatVector(d.integer(1, 5))


def reshape(d, shape):
    n = shape[0]
    steps = d.pick([k for k in range(1, n + 1) if n % k == 0])
    return L.Reshape((-1 if d.chance(.3) else steps, n // steps))


VECTOR = ANY
EXPANDING = [("RepeatVector", 1, repeat), ("Reshape", 1, reshape)]
