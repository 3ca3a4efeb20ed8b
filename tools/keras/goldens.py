#!/usr/bin/env python3
"""Write golden models for the converter's tests with the Keras installed here.

    python tools/keras/goldens.py

builds small models with random weights over every layer the converter knows
and the traps between them, and writes each one's files with its inputs, its
outputs and the outputs of its layers to

    internal/keras/testdata/goldens/keras-VERSION.zip

Run it once with tf.keras 2.15 (requirements-origin.txt) and once with Keras 3 on
TensorFlow (requirements-default.txt). Seeds are fixed; the files differ between
runs in dates and object ids that Keras writes.

The archive has a folder for each case with what Keras saved (model.h5,
model.keras, or weights.h5 / model.weights.h5 with architecture.json) and
case.json:

    rows      number of rows in every tensor
    inputs    [{kind: ids|values, shape: without the batch, data: flat}]
    outputs   [{shape, data}], NaN as null
    layers    {layer name: {shape, data}}
    tolerance largest difference allowed, times max(1, |y|): 1e-6, or, where a
              network amplifies roundings, twice what the same network in
              float64 is away from Keras' float32
    refused   the case must be refused with an error that contains this text

Cases by subject stand in files of their own (cases_layers.py, ...).

--only TEXT remakes just the cases whose name contains it, or all of the module
of this name (cases_recurrent, ...), and keeps the others.
"""
import argparse
import io
import json
import os
import sys
import tempfile
import zipfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py
import numpy as np

import cases_layers

try:
    import keras
    if not hasattr(keras, "__version__") or int(keras.__version__.split(".")[0]) < 3:
        raise ImportError
    VERSION = keras.__version__
except ImportError:
    import keras as standalone
    VERSION = standalone.__version__
    from tensorflow import keras

KERAS3 = VERSION.startswith("3")
L = keras.layers
VOCAB, STEPS, DIM, FEATURES = 11, 7, 5, 4
CASES = {}


def case(function=None, **options):
    """Registers a function that returns a model. Options: refused, rows (a
    function that returns the inputs), only (2 or 3), scale (of the weights),
    formats, twin (a function that returns the model whose outputs count), loads
    (likewise, and it loads the weights from the file),
    amplifies (measure the tolerance)."""
    def register(f):
        if options.get("only", 3 if KERAS3 else 2) == (3 if KERAS3 else 2):
            CASES[f.__name__] = (f, options)
        return f
    return register(function) if function else register


def variant(name, function, **options):
    """Registers a case made by a function with arguments bound."""
    function.__name__ = name
    case(**options)(function)


# Inputs ---------------------------------------------------------------------

def id_rows(steps=STEPS, vocab=VOCAB):
    """Rows that reach what random ids miss: nothing but padding, padding in
    front, behind and inside, one token at either end, full length, the OOV id 1
    and the highest id."""
    rng = np.random.default_rng(7)
    rows = [np.zeros(steps, int), rng.integers(1, vocab, steps)]
    pre, post, mid = (rng.integers(1, vocab, steps) for _ in range(3))
    pre[: steps // 2 + 1] = 0
    post[steps - steps // 2:] = 0
    mid[1], mid[steps // 2] = 0, 0
    first, last = np.zeros(steps, int), np.zeros(steps, int)
    first[0], last[-1] = 3, 4
    oov = rng.integers(0, 2, steps)
    top = np.full(steps, vocab - 1)
    return [np.stack(rows + [pre, post, mid, first, last, oov, top]).astype("int32")]


def value_rows(steps=STEPS, features=FEATURES, mask=0.0):
    """Rows of features with steps equal to the mask value in front, behind,
    inside, everywhere and nowhere, and steps that equal it in part."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=(7, steps, features)).astype("float32")
    x[0] = mask
    x[1, :3] = mask
    x[2, -3:] = mask
    x[3, 1], x[3, 4] = mask, mask
    x[4, 2, 1:] = mask
    x[5, :-1] = mask
    return [x]


def plain_rows(*shape):
    return [np.random.default_rng(9).normal(size=(6, *shape)).astype("float32")]


# Models ---------------------------------------------------------------------

def ids(mask=True, steps=STEPS, **options):
    return [keras.Input((steps,), name="ids"), L.Embedding(VOCAB, DIM, mask_zero=mask, **options)]


def sequential(*layers):
    return keras.Sequential(list(layers))


def masked(mask=True, steps=STEPS):
    """An input of ids and its embedding, for functional models."""
    i = keras.Input((steps,), name="ids")
    return i, L.Embedding(VOCAB, DIM, mask_zero=mask)(i)


@case
def lstm_without_mask():
    return sequential(*ids(False), L.SpatialDropout1D(.4), L.LSTM(6, dropout=.3, recurrent_dropout=.2), L.Dense(3, activation="softmax"))


@case(formats=("h5", "keras", "weights", "legacy-weights"))
def lstm_with_mask():
    return sequential(*ids(), L.SpatialDropout1D(.4), L.LSTM(6), L.Dropout(.5), L.Dense(3, activation="softmax"))


@case(formats=("h5", "keras", "weights", "legacy-weights") + (() if KERAS3 else ("keras-2.13",)))
def stacked():
    return sequential(*ids(), L.LSTM(6, return_sequences=True), L.Dropout(.2), L.LSTM(5, return_sequences=True), L.GRU(4), L.Dense(3), L.Activation("softmax"))


@case
def stacked_without_mask():
    return sequential(*ids(False), L.LSTM(6, return_sequences=True), L.LSTM(5), L.Dense(1, activation="sigmoid"))


@case
def hard_sigmoid():
    return sequential(*ids(), L.LSTM(6, recurrent_activation="hard_sigmoid", return_sequences=True), L.GRU(5, recurrent_activation="hard_sigmoid", activation="hard_sigmoid"), L.Dense(3, activation="hard_sigmoid"))


for after in (False, True):
    for mask in (False, True):
        variant(f"gru_reset_{'after' if after else 'before'}_{'with' if mask else 'without'}_mask",
                lambda after=after, mask=mask: sequential(*ids(mask), L.GRU(6, reset_after=after, return_sequences=True), L.GRU(4, reset_after=after), L.Dense(2)))

for merge in ("concat", "sum", "mul", "ave"):
    for rs in (False, True):
        for cell in ("LSTM", "GRU"):
            variant(f"bidirectional_{merge}_{'sequences' if rs else 'last'}_{cell.lower()}",
                    lambda merge=merge, rs=rs, cell=cell: sequential(
                        *ids(), L.Bidirectional(getattr(L, cell)(5, return_sequences=rs), merge_mode=merge),
                        *([L.GlobalMaxPooling1D()] if rs else []), L.Dense(3)),
                    formats=("h5", "keras") if merge == "concat" else ("keras",))


@case
def bidirectional_without_mask():
    return sequential(*ids(False), L.Bidirectional(L.LSTM(4, return_sequences=True)), L.Bidirectional(L.GRU(3)), L.Dense(2))


@case
def bidirectional_without_merge():
    i, e = masked()
    return keras.Model(i, L.Bidirectional(L.LSTM(4, return_sequences=True), merge_mode=None)(e))


@case
def bidirectional_sequences():
    i, e = masked()
    return keras.Model(i, L.Bidirectional(L.LSTM(4, return_sequences=True))(e))


@case
def bidirectional_stacked():
    return sequential(*ids(), L.Bidirectional(L.LSTM(4, return_sequences=True)), L.Dropout(.1), L.Bidirectional(L.LSTM(3)), L.Dense(3, activation="softmax"))


@case
def bidirectional_other_backward_layer():
    back = L.LSTM(4, activation="relu", recurrent_activation="hard_sigmoid", use_bias=False, return_sequences=True, go_backwards=True)
    return sequential(*ids(), L.Bidirectional(L.LSTM(4, return_sequences=True), backward_layer=back), L.GRU(3))


@case(only=2)
def bidirectional_other_backward_size():
    return sequential(*ids(), L.Bidirectional(L.LSTM(4), backward_layer=L.GRU(3, go_backwards=True)), L.Dense(2))


@case(only=2)
def bidirectional_of_backward_layer():
    return sequential(*ids(), L.Bidirectional(L.LSTM(4, go_backwards=True)), L.Dense(2))


@case
def backwards():
    return sequential(*ids(), L.LSTM(6, go_backwards=True), L.Dense(2))


@case
def backwards_sequences():
    """The output stays reversed, and the mask that goes on is not reversed."""
    return sequential(*ids(), L.LSTM(6, go_backwards=True, return_sequences=True), L.GRU(4, return_sequences=True), L.Flatten(), L.Dense(2))


@case
def backwards_without_mask():
    return sequential(*ids(False), L.GRU(6, go_backwards=True, return_sequences=True), L.LSTM(4, go_backwards=True))


@case
def zero_output_for_mask():
    return sequential(*ids(), L.LSTM(6, return_sequences=True, zero_output_for_mask=True), L.GRU(4, return_sequences=True, go_backwards=True, zero_output_for_mask=True), L.Flatten(), L.Dense(2))


@case
def zero_output_for_mask_without_mask():
    return sequential(*ids(False), L.LSTM(6, zero_output_for_mask=True), L.Dense(2))


@case
def unrolled():
    return sequential(*ids(), L.LSTM(4, unroll=True, return_sequences=True), L.GRU(3, unroll=True, go_backwards=True))


@case
def unrolled_bidirectional():
    return sequential(*ids(), L.Bidirectional(L.LSTM(4, unroll=True, return_sequences=True)), L.GRU(3))


for value in (0.0, -1.0):
    variant(f"masking_{'zero' if value == 0 else 'other'}",
            lambda value=value: sequential(keras.Input((STEPS, FEATURES)), L.Masking(value), L.LSTM(5, return_sequences=True), L.Bidirectional(L.GRU(4)), L.Dense(2)),
            rows=lambda value=value: value_rows(mask=value))


@case(rows=value_rows)
def masking_functional():
    i = keras.Input((STEPS, FEATURES))
    m = L.Masking()(i)
    a, b = L.LSTM(4, return_sequences=True, go_backwards=True)(m), L.LSTM(4, return_sequences=True)(m)
    return keras.Model(i, L.GRU(3)(L.Add()([a, b])))


@case(rows=value_rows)
def masking_pooled():
    i = keras.Input((STEPS, FEATURES))
    m = L.Masking()(i)
    return keras.Model(i, [L.GlobalAveragePooling1D()(m), L.GlobalMaxPooling1D()(m), L.Flatten()(m)])


@case
def masking_of_outputs():
    i, e = masked()
    x = L.LSTM(4, return_sequences=True, activation="relu")(e)
    return keras.Model(i, L.Bidirectional(L.GRU(3))(L.Masking(0.)(x)))


@case(rows=lambda: plain_rows(STEPS, FEATURES))
def values():
    return sequential(keras.Input((STEPS, FEATURES)), L.LSTM(5, return_sequences=True), L.GRU(4), L.Dense(2, activation="tanh"))


@case
def pooling():
    i, e = masked()
    x = L.LSTM(4, return_sequences=True)(e)
    pools = [L.GlobalAveragePooling1D()(x), L.GlobalMaxPooling1D()(x), L.GlobalAveragePooling1D()(e), L.GlobalMaxPooling1D()(e)]
    return keras.Model(i, L.Concatenate()(pools))


@case
def pooling_without_mask():
    i, e = masked(False)
    return keras.Model(i, L.Dense(2)(L.Concatenate()([L.GlobalAveragePooling1D()(e), L.GlobalMaxPooling1D()(e)])))


@case
def flatten_with_mask():
    return sequential(*ids(), L.LSTM(4, return_sequences=True), L.Flatten(), L.Dense(3))


@case
def dense_over_steps():
    return sequential(*ids(), L.Dense(4, activation="relu"), L.LSTM(4, return_sequences=True), L.Dense(3, use_bias=False), L.Activation("softmax"), L.GlobalAveragePooling1D())


@case
def noise_keeps_masks():
    return sequential(*ids(), L.GaussianNoise(.1), L.GaussianDropout(.1), L.AlphaDropout(.1), L.ActivityRegularization(.1), L.Dropout(.1), L.Activation("tanh"), L.ReLU(), L.GRU(4))


@case
def without_biases():
    return sequential(*ids(), L.LSTM(4, use_bias=False, return_sequences=True), L.GRU(4, use_bias=False, return_sequences=True), L.GRU(3, use_bias=False, reset_after=False), L.Dense(2, use_bias=False))


@case(rows=lambda: plain_rows(9))
def activations():
    i = keras.Input((9,))
    x = L.Dense(6)(i)
    return keras.Model(i, [L.Activation(a)(x) for a in (
        "linear", "sigmoid", "tanh", "hard_sigmoid", "relu", "softmax", "softplus", "softsign", "elu", "selu", "exponential")] + [L.Softmax()(x)])


@case(scale=.5)
def activations_of_cells():
    i, e = masked()
    out = []
    for f, g in (("relu", "sigmoid"), ("elu", "hard_sigmoid"), ("softsign", "tanh"), ("linear", "softsign"), ("selu", "sigmoid"), ("sigmoid", "relu"), ("softplus", "sigmoid")):
        out += [L.LSTM(3, activation=f, recurrent_activation=g)(e), L.GRU(3, activation=f, recurrent_activation=g)(e)]
    return keras.Model(i, L.Concatenate()(out))


def long_rows():
    return id_rows(steps=40)


for cell in ("LSTM", "GRU"):
    variant(f"sharp_{cell.lower()}",
            lambda cell=cell: sequential(*ids(steps=40), L.Bidirectional(getattr(L, cell)(8, return_sequences=True)), getattr(L, cell)(8), L.Dense(3, activation="softmax")),
            rows=long_rows, scale=5, amplifies=True)


@case
def variable_length():
    return sequential(*ids(steps=None), L.Bidirectional(L.LSTM(4, return_sequences=True)), L.GlobalMaxPooling1D(), L.Dense(2))


@case
def branches():
    i, e = masked()
    a = L.LSTM(4)(e)
    b = L.GRU(4)(L.SpatialDropout1D(.2)(e))
    x = L.Concatenate()([a, b, L.GlobalAveragePooling1D()(e)])
    return keras.Model(i, [L.Dense(2, activation="softmax", name="first")(x), L.Dense(1, activation="sigmoid", name="second")(L.Average()([a, b]))])


@case(rows=lambda: id_rows() + [id_rows()[0][::-1].copy()])
def shared_layers():
    i, j = keras.Input((STEPS,), name="left"), keras.Input((STEPS,), name="right")
    e, r, d = L.Embedding(VOCAB, DIM, mask_zero=True), L.LSTM(4), L.Dense(3)
    a, b = d(r(e(i))), d(r(e(j)))
    return keras.Model([i, j], [a, b, L.Multiply()([a, b])])


@case(rows=lambda: id_rows() + [np.random.default_rng(3).normal(size=(9, 3)).astype("float32")])
def ids_and_values():
    i, j = keras.Input((STEPS,), name="text"), keras.Input((3,), name="numbers")
    x = L.LSTM(4)(L.Embedding(VOCAB, DIM, mask_zero=True)(i))
    return keras.Model([i, j], L.Dense(2)(L.Concatenate()([x, L.Dense(4, activation="relu")(j)])))


@case(only=3, rows=lambda: id_rows() + [np.random.default_rng(3).normal(size=(9, 3)).astype("float32")])
def inputs_by_name():
    i, j = keras.Input((STEPS,), name="b"), keras.Input((3,), name="a")
    x = L.LSTM(4)(L.Embedding(VOCAB, DIM, mask_zero=True)(i))
    return keras.Model({"b": i, "a": j}, {"z": L.Dense(2)(x), "y": L.Add()([L.Dense(4)(j), x])})


@case
def concatenated_sequences():
    i, e = masked()
    a, b = L.LSTM(3, return_sequences=True)(e), L.GRU(2, return_sequences=True)(e)
    return keras.Model(i, L.LSTM(3)(L.Concatenate()([a, b])))


@case(rows=lambda: id_rows() + [np.random.default_rng(3).normal(size=(9, STEPS, DIM)).astype("float32")])
def merged_with_unmasked():
    i, e = masked()
    j = keras.Input((STEPS, DIM), name="features")
    return keras.Model([i, j], [L.LSTM(3)(L.Concatenate()([e, j])), L.GRU(3)(L.Add()([e, j])), L.GRU(3)(L.Average()([j, e]))])


@case(only=3)
def multiplied_masks():
    i, e = masked()
    return keras.Model(i, L.LSTM(2)(L.Multiply()([L.LSTM(3, return_sequences=True)(e), L.GRU(3, return_sequences=True)(e)])))


@case(only=2)
def multiplied_masks_keras2():
    i, e = masked()
    return keras.Model(i, L.LSTM(2)(L.Multiply()([L.LSTM(3, return_sequences=True)(e), L.GRU(3, return_sequences=True)(e)])))


@case
def nested_sequential():
    inner = keras.Sequential([keras.Input((STEPS, DIM)), L.LSTM(4, return_sequences=True), L.LSTM(3)], name="inner")
    i, e = masked()
    d = L.Dense(2)
    return keras.Model(i, [d(inner(e)), d(inner(L.Dropout(.1)(e)))])


@case
def nested_first():
    inner = keras.Sequential([keras.Input((STEPS,)), L.Embedding(VOCAB, DIM, mask_zero=True)], name="encoder")
    return sequential(inner, L.LSTM(4), L.Dense(2))


@case
def nested_functional():
    a = keras.Input((STEPS,), name="inner_ids")
    x = L.Embedding(VOCAB, DIM, mask_zero=True)(a)
    inner = keras.Model(a, [L.LSTM(4, return_sequences=True)(x), L.GRU(3)(x)], name="encoder")
    i = keras.Input((STEPS,), name="ids")
    s, g = inner(i)
    return keras.Model(i, L.Concatenate()([L.LSTM(3)(s), g]))


@case
def nested_frozen():
    """Files that list weights keep those that are not trained behind the others."""
    a = keras.Input((STEPS,), name="inner_ids")
    e = L.Embedding(VOCAB, 4, mask_zero=True, trainable=False)
    f = L.LSTM(4, return_sequences=True)
    g = L.LSTM(4, trainable=False)
    inner = keras.Model(a, L.Dense(4)(g(f(e(a)))), name="encoder")
    i = keras.Input((STEPS,), name="ids")
    return keras.Model(i, L.Dense(2)(inner(i)))


@case
def frozen():
    m = sequential(*ids(), L.Bidirectional(L.LSTM(3)), L.Dense(2))
    m.trainable = False
    return m


@case
def trained():
    """State of optimizers and metrics in the file, also in the part for the
    model inside, and of random generators."""
    inner = keras.Sequential([keras.Input((STEPS,)), L.Embedding(VOCAB, DIM, mask_zero=True), L.Dropout(.1), L.LSTM(3, dropout=.2)], name="inner")
    inner.compile("adam", "mse", metrics=["mae"])
    inner.fit(id_rows()[0], np.ones((9, 3)), verbose=0)
    i = keras.Input((STEPS,), name="ids")
    m = keras.Model(i, L.Dense(2, activation="softmax")(inner(i)))
    m.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    m.fit(id_rows()[0], np.ones((9, 2)), verbose=0)
    return m


@case(only=3)
def explicit_mask():
    i = keras.Input((STEPS,), name="ids")
    e, m = L.Embedding(VOCAB, DIM), L.Embedding(VOCAB, DIM, mask_zero=True)
    return keras.Model(i, L.Concatenate()([L.LSTM(3)(e(i), mask=m.compute_mask(i)), L.GRU(2)(m(i))]))


@case
def states_unused():
    i, e = masked()
    x, _, _ = L.LSTM(4, return_sequences=True, return_state=True)(e)
    return keras.Model(i, L.LSTM(3)(x))


@case(formats=("h5",))
def many_layers():
    return sequential(*ids(), *[L.Dropout(.1, name=f"dropout_number_{k:03d}") for k in range(300)], L.LSTM(3), L.Dense(2))


@case(only=3)
def names_beyond_ascii():
    return sequential(keras.Input((STEPS,), name="entrée"), L.Embedding(VOCAB, DIM, name="вложение"), L.LSTM(3, name="記憶"), L.Dense(2, name="sortie é"))


# Other precisions: the outputs that count are those of a float32 twin with the
# same weights.

def precise(policy):
    def build(policy=policy):
        return sequential(keras.Input((STEPS,), name="ids", dtype="int32"), L.Embedding(VOCAB, DIM, mask_zero=True, dtype=policy), L.Bidirectional(L.LSTM(4, dtype=policy, recurrent_initializer="zeros"), dtype=policy), L.Dense(3, activation="softmax", dtype=policy))
    return build


for policy in ("mixed_float16", "float16", "float64"):
    variant(f"policy_{policy}", precise(policy), twin=precise("float32"))
if KERAS3:
    variant("policy_bfloat16", precise("bfloat16"), twin=precise("float32"), formats=("h5", "keras", "weights"))


cases_layers.add(sys.modules[__name__])
sys.modules["goldens"] = sys.modules[__name__]
import cases_recurrent  # noqa: E402, F401
import cases_refused  # noqa: E402, F401
import cases_wild  # noqa: E402, F401


# Writing --------------------------------------------------------------------

def randomize(model, scale):
    """Random weights for every variable; Keras' own initial ones hide mistakes
    (biases of 0, orthogonal kernels)."""
    rng = np.random.default_rng(11)
    weights = []
    for variable, w in zip(model.weights, model.get_weights()):
        spread = .5 if w.ndim < 2 else 1.2 / np.sqrt(w.shape[0])
        w = (scale * spread * rng.normal(size=w.shape)).astype(w.dtype)
        weights.append(.5 + np.abs(w) if "variance" in variable.name else w)
    model.set_weights(weights)


def measured_tolerance(function, model, feed):
    """Twice the distance between the model's float32 outputs and those of the
    same network computed in float64."""
    weights = model.get_weights()
    rough = outputs(model, feed)
    keras.backend.clear_session()
    keras.backend.set_floatx("float64")
    try:
        twin = function()
        twin.set_weights(weights)
        exact = outputs(twin, feed)
        inner = zip(layer_outputs(model, feed).values(), layer_outputs(twin, feed).values())
        pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(rough, exact)]
        pairs += [(np.array(a["data"]), np.array(b["data"])) for a, b in inner]
    finally:
        keras.backend.set_floatx("float32")
    worst = max(float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b)))) for a, b in pairs)
    print(f"  Keras itself is {worst:.2g} away from float64", file=sys.stderr)
    return max(1e-6, 2 * worst)


def tensor(x):
    x = np.asarray(x).astype("float32")
    return {"shape": list(x.shape[1:]), "data": [float(str(v)) if np.isfinite(v) else None for v in x.ravel()]}


def layer_outputs(model, inputs):
    """Outputs of the layers that have one, by name; not of nested models."""
    found = {}
    for layer in model.layers:
        if hasattr(layer, "layers"):
            continue
        try:
            found[layer.name] = layer.output
        except (AttributeError, ValueError):  # used twice
            continue
    single = {k: v for k, v in found.items() if not isinstance(v, (list, tuple, dict))}
    if not single:
        return {}
    out = outputs(keras.Model(model.inputs, list(single.values())), inputs)
    return {k: tensor(v) for k, v in zip(single, out)}


def outputs(model, inputs):
    """The model's outputs as a list, in the order of their names if it returns
    a dict."""
    out = model(inputs, training=False)
    if isinstance(out, dict):
        out = [out[k] for k in sorted(out)]
    return list(out) if isinstance(out, (list, tuple)) else [out]


def save(model, form, folder):
    """Writes the files of one form and returns them by name."""
    if callable(form):
        form(model, folder)
    elif form == "h5":
        model.save(folder / "model.h5")
    elif form == "keras":
        model.save(folder / "model.keras")
    elif form == "keras-2.13":
        model.save(folder / "model.keras")
        (folder / "model.keras").rename(folder / "model-2.13.keras")
        make_old(folder / "model-2.13.keras")
    else:
        name = "model.weights.h5" if form == "weights" else "weights.h5"
        if form == "legacy-weights" and KERAS3:
            return
        (folder / "architecture.json").write_text(model.to_json())
        model.save_weights(folder / name)


def make_old(file):
    """Gives the weights in a .keras file the places that Keras 2.12 and 2.13 gave
    them: in another group, and layers with weights counted twice. (Those versions
    need an older Python; the rule was read in their source.)"""
    with zipfile.ZipFile(file) as z:
        members = {i.filename: z.read(i) for i in z.infolist()}
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "r+") as f:
        old = f.create_group("_layer_checkpoint_dependencies")
        for name in list(f["layers"]):
            stem, _, number = name.rpartition("_")
            doubled = f"{stem}_{2 * int(number)}" if stem and number.isdigit() else name
            f.move(f"layers/{name}", f"{old.name}/{doubled}")
        del f["layers"]
    members["model.weights.h5"] = content.getvalue()
    members["metadata.json"] = members["metadata.json"].replace(VERSION.encode(), b"2.13.1")
    with zipfile.ZipFile(file, "w") as z:
        for name, content in members.items():
            z.writestr(name, content)


def build(name):
    function, options = CASES[name]
    keras.backend.clear_session()
    model = function()
    randomize(model, options.get("scale", 1))
    record = {"case": name, "keras": VERSION, "tolerance": 1e-6}
    if "refused" in options:
        record["refused"] = options["refused"]
    else:
        inputs = options.get("rows", id_rows)()
        truth = model
        if "loads" in options:
            truth = options["loads"]()
            with tempfile.TemporaryDirectory() as d:
                model.save(f"{d}/model.h5")
                truth.load_weights(f"{d}/model.h5")
        elif "twin" in options:
            weights = [np.asarray(w).astype("float32") for w in model.get_weights()]
            keras.backend.clear_session()
            truth = options["twin"]()
            truth.set_weights(weights)
        feed = inputs if len(inputs) > 1 else inputs[0]
        if isinstance(getattr(model, "input", None), dict):
            feed = dict(zip(("b", "a"), inputs))
            inputs = [feed[k] for k in sorted(feed)]
        record.update(
            rows=len(inputs[0]),
            inputs=[{"kind": "ids" if x.dtype == np.int32 else "values", "shape": list(x.shape[1:]),
                     "data": [int(v) if x.dtype == np.int32 else float(str(v)) for v in x.ravel()]} for x in inputs],
            outputs=[tensor(x) for x in outputs(truth, feed)],
            layers=layer_outputs(truth, feed) if not isinstance(feed, dict) else {})
        if options.get("amplifies"):
            record["tolerance"] = measured_tolerance(function, truth, feed)
    files = {}
    with tempfile.TemporaryDirectory() as d:
        d = Path(d)
        for form in options.get("formats", ("h5", "keras")):
            try:
                save(model, form, d)
            except (NotImplementedError, TypeError, ValueError) as e:
                if "refused" not in options:
                    raise
                print(f"  {name}: Keras does not save it as {form}: {str(e)[:80]}", file=sys.stderr)
        files = {p.name: p.read_bytes() for p in sorted(d.iterdir())}
    files["case.json"] = json.dumps(record, separators=(",", ":")).encode()
    return files


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--only", default="")
    args.add_argument("--out", default=None)
    args = args.parse_args()
    folder = Path(__file__).resolve().parents[2] / "internal/keras/testdata/goldens"
    folder.mkdir(parents=True, exist_ok=True)
    out = Path(args.out) if args.out else folder / f"keras-{VERSION}.zip"
    members = {}
    if args.only and out.exists():
        with zipfile.ZipFile(out) as z:
            members = {n: z.read(n) for n in z.namelist() if args.only not in n.split("/")[0]}
    for name, (function, _) in CASES.items():
        if args.only in name or args.only == function.__module__:
            print(name, file=sys.stderr, flush=True)
            members.update({f"{name}/{file}": content for file, content in build(name).items()})
    with zipfile.ZipFile(out, "w") as z:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, members[name], compresslevel=9)
    print(f"{out}: {len(CASES)} cases, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
