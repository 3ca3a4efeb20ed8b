#!/usr/bin/env python3
"""Draw random models with the Keras installed here, for the differential test.

    python tools/keras/differential.py --seed 1 --count 200 --out DIR
    go test ./internal/keras -run TestDifferential -differential DIR

writes DIR/keras-VERSION-seed-N.zip: a folder for each model, as goldens.py
writes them, with case.json and the files that Keras saved. It runs under
tf.keras 2.15 and Keras 3; one seed draws the same models in both as far as both
have their layers. case.json has in addition

    tolerance   1e-6, or where that is more eight times what the same network in
                float64 is away from Keras' float32 outputs: one sample of what
                roundings do, of which the engine's are another
    classes     the classes of the layers
    may_refuse  texts of refusals that are no failure for this model

--layers LSTM,Dense,... allows these layers alone (and features by the names
that Draw.allows is asked for: Functional, nested, initial_state, return_state,
zero_output_for_mask, activation:relu, ...). --index N makes one model only.

The test keeps a model that fails as a zip file of its own. Copied to
internal/keras/testdata/regressions/NAME.zip it is tested ever after.
"""
import argparse
import collections
import contextlib
import gc
import json
import logging
import os
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

# Models this small gain nothing from threads.
for key in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(key, "1")

import numpy as np

import drawn_models
from drawn_layers import Draw
from goldens import KERAS3, VERSION, L, keras, outputs, save, tensor

# Numbers beyond this one are no model's: a draw that reaches it is drawn anew.
LARGEST = 1e4

# Refusals on purpose: what they name gives outputs in Keras that nobody wants.
MAY_REFUSE = [
    "(Softmax): with a mask is not supported",
    "with a bias and as many steps as heads",
    "the states of several cells as inputs or outputs are not supported",
]


# Inputs ---------------------------------------------------------------------

def hide(rng, row, value):
    """Gives some steps of a row the value that masks them."""
    n = len(row)
    cut = int(rng.integers(1, n + 1))
    match int(rng.integers(0, 7)):
        case 0:
            row[:] = value
        case 1:
            row[:cut] = value
        case 2:
            row[n - cut:] = value
        case 3:
            row[rng.random(n) < .4] = value
        case 4:
            row[:-1] = value
        case 5:
            row[1:] = value


def input_rows(rng, shape, kind, rows, steps):
    shape = [steps if s is None else s for s in shape]
    if kind == "ids":
        x = rng.integers(1, drawn_models.VOCAB, (rows, *shape)).astype("int32")
    else:
        x = rng.normal(size=(rows, *shape)).astype("float32")
    if kind != "values" or rng.random() < .3:
        x[0] = 0
        for row in x[2:]:
            hide(rng, row, 0)
    if kind == "masked" and x.shape[-1] > 1:
        x[1, 0, 1:] = 0  # zero in part
    if rng.random() < .5:
        x[-1] = x[1]
    return x


# One model ------------------------------------------------------------------

def randomize(model, rng):
    """Random weights for every variable, at times so large that recurrences
    come near their limits."""
    scale = rng.choice([1, 1, 1, 1, .5, 2, 4])
    weights = []
    for v, w in zip(model.weights, model.get_weights()):
        spread = .5 if w.ndim < 2 else 1.2 / np.sqrt(w.shape[0])
        x = scale * spread * rng.normal(size=w.shape)
        if "variance" in v.name:
            x = rng.uniform(.3, 2, w.shape)
        weights.append(x.astype(w.dtype))
    model.set_weights(weights)


@contextlib.contextmanager
def precision(policy):
    """Makes models in a precision; those in float64 must be run in here too."""
    def choose(name):
        if KERAS3:
            keras.config.set_dtype_policy(name)
        else:
            keras.mixed_precision.set_global_policy(name)
        keras.backend.set_floatx(name if name == "float64" else "float32")
    choose(policy)
    try:
        yield
    finally:
        choose("float32")


def build(seed, allowed):
    """Draws the model that belongs to the seed."""
    # The collector that Keras 3 runs otherwise takes longer than the model.
    keras.backend.clear_session(**({"free_memory": False} if KERAS3 else {}))
    return drawn_models.model(Draw(seed, allowed))


def everything(model, feed):
    """The model's outputs, and those of its layers by name."""
    layers = {}
    for layer in model.layers:
        if hasattr(layer, "layers"):
            continue
        try:
            out = layer.output
        except (AttributeError, ValueError):  # used twice
            continue
        if not isinstance(out, (list, tuple, dict)):
            layers[layer.name] = out
    n = len(model.outputs)
    out = outputs(keras.Model(model.inputs, list(model.outputs) + list(layers.values())), feed)
    out = [np.asarray(x) for x in out]
    return out[:n], dict(zip(layers, out[n:]))


def distance(a, b):
    """The largest difference, relative above 1; of numbers in both."""
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return 0
    a, b = a[both].astype("float64"), b[both].astype("float64")
    return float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b))))


def amplifies(model, weights, feed, out, rng):
    """Whether small changes of the weights reach the outputs with more than a
    third of their size, so that roundings may grow beyond the tolerance."""
    small = 1e-6
    model.set_weights([w * (1 + small * rng.normal(size=w.shape)).astype("float32") for w in weights])
    changed = outputs(model, feed)
    model.set_weights(weights)
    return max(distance(np.asarray(a), b) for a, b in zip(changed, out)) > small / 3


def classes(config, found):
    """Adds the names of layers' classes in a config to found."""
    if isinstance(config, dict):
        name = config.get("class_name")
        if isinstance(name, str) and (hasattr(L, name) or name in ("Sequential", "Functional")):
            found.add(name)
        for v in config.values():
            classes(v, found)
    elif isinstance(config, list):
        for v in config:
            classes(v, found)
    return found


def drawn_forms(d):
    forms = [f for f, p in (("h5", .45), ("keras", .6), ("weights", .25), ("legacy-weights", .2)) if d.chance(p)]
    if KERAS3:
        forms = [f for f in forms if f != "legacy-weights"]
    return forms or ["keras"]


def make(seed, allowed):
    """Returns the files of one model."""
    d = Draw(seed + [1])
    policy = "float32"
    if d.chance(.06) and allowed is None:
        policy = d.pick(["float16", "mixed_float16", "float64", "bfloat16"])
    forms = drawn_forms(d)
    if policy == "bfloat16":  # HDF5 has no such type; .keras says what it is
        policy, forms = ("bfloat16", ["keras"]) if KERAS3 else ("float16", forms)

    with precision(policy):
        model, kinds = build(seed, allowed)
    randomize(model, d.rng)
    weights = [np.asarray(w).astype("float32") for w in model.get_weights()]
    truth = model
    if policy != "float32":
        truth = build(seed, allowed)[0]
        truth.set_weights(weights)
    rows, steps = d.integer(5, 9), d.integer(3, 8)
    inputs = [input_rows(d.rng, drawn_models.size(x.shape), kind, rows, steps) for x, kind in zip(model.inputs, kinds)]
    feed = inputs if len(inputs) > 1 else inputs[0]
    out, inner = everything(truth, feed)
    largest = max(np.max(np.abs(x), initial=0, where=~np.isnan(x)) for x in [*out, *inner.values()])
    if not largest < LARGEST:
        raise drawn_models.Unsuitable("numbers too large")

    noise = 0
    if amplifies(truth, weights, feed, out, d.rng):
        with precision("float64"):
            exact = build(seed, allowed)[0]
            exact.set_weights(weights)
            wide = [x.astype("float64") if x.dtype == np.float32 else x for x in inputs]
            out64, inner64 = everything(exact, wide if len(wide) > 1 else wide[0])
        noise = max(distance(a, b) for a, b in zip([*out, *inner.values()], [*out64, *inner64.values()]))
    record = {
        "case": f"seed {seed}", "keras": VERSION, "policy": policy, "tolerance": max(1e-6, 8 * noise),
        "classes": sorted(classes(json.loads(model.to_json()), set())), "may_refuse": MAY_REFUSE,
        "rows": rows,
        "inputs": [{"kind": "ids" if x.dtype == np.int32 else "values", "shape": list(x.shape[1:]),
                    "data": [int(v) if x.dtype == np.int32 else float(str(v)) for v in x.ravel()]} for x in inputs],
        "outputs": [tensor(x) for x in out],
        "layers": {k: tensor(v) for k, v in inner.items()},
    }
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for form in forms:
            save(model, form, folder)
        files = {p.name: p.read_bytes() for p in sorted(folder.iterdir())}
    files["case.json"] = json.dumps(record, separators=(",", ":")).encode()
    return files, record


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--seed", type=int, required=True)
    args.add_argument("--count", type=int, default=100)
    args.add_argument("--index", type=int)
    args.add_argument("--layers", help="names of what may be drawn, with commas between")
    args.add_argument("--out", required=True)
    args = args.parse_args()
    allowed = set(args.layers.split(",")) if args.layers else None
    warnings.simplefilter("ignore")
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    out /= f"keras-{VERSION}-seed-{args.seed}.zip"
    gc.disable()
    print(f"Keras {VERSION}, seed {args.seed}", flush=True)
    if keras.backend.backend() != "tensorflow":
        print("  this backend has no float64 to measure roundings with: small differences may be its own")
    counts, discarded, noisy, start = collections.Counter(), collections.Counter(), 0, time.time()
    numbers = range(args.count) if args.index is None else [args.index]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        for index in numbers:
            for attempt in range(30):
                try:
                    files, record = make([args.seed, index, attempt], allowed)
                    break
                except Exception as e:  # a draw that Keras refuses, or cannot save
                    discarded[f"{type(e).__name__}: {str(e).strip()[:110]!r}"] += 1
            else:
                sys.exit(f"model {index}: no draw made a model: {discarded.most_common(5)}")
            for name, content in files.items():
                z.writestr(f"{index:04d}/{name}", content)
            if index % 20 == 19:
                gc.collect()
            counts.update(record["classes"])
            noisy += record["tolerance"] > 1e-6
    print(f"{out}: {len(numbers)} models in {time.time() - start:.0f} s, {noisy} with a measured tolerance, {out.stat().st_size} bytes")
    print("  " + ", ".join(f"{n} {k}" for k, n in counts.most_common()))
    if discarded:
        print(f"  {sum(discarded.values())} draws made no model:")
        for why, n in discarded.most_common(25):
            print(f"    {n} {why}")


if __name__ == "__main__":
    main()
