#!/usr/bin/env python3
"""Write truth.json: what h5py reads from keras/ and corner/; and, given folders of other files, their digests.

    python3 truth.py
    python3 truth.py ROOT FOLDER...  > shared.json    (every .h5 below ROOT/FOLDER, by its path below ROOT)

Per file and object path: the attributes and, for a dataset, shape, type and content. Numbers are the SHA-256
of their float32 values (little endian, row-major), texts are lists. Of a long description, and of other
files, only the SHA-256 is kept. Made with h5py 3.16.0 (HDF5 2.0.0).
"""
import gzip
import hashlib
import io
import json
import os
import sys

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def digest(values):
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, "<f4")
    values = np.where(np.isnan(values), np.float32("nan"), values).astype("<f4")
    return hashlib.sha256(values.tobytes()).hexdigest()


def text(x):
    return x.decode("utf-8", "surrogateescape") if isinstance(x, bytes) else str(x)


def content(x, bfloat16=False):
    """A value as h5py returns it: its shape, type and content, or only the type when it is none of ours."""
    if isinstance(x, h5py.Empty):
        return {"shape": None, "type": type_name(x.dtype)}
    x = np.asarray(x)
    out = {"shape": list(x.shape), "type": type_name(x.dtype)}
    if bfloat16:
        x = (x.view("u2").astype("u4") << 16).view("f4")
        out["type"] = "bfloat16"
    if x.dtype.kind in "SUO" and all(isinstance(e, (bytes, str)) for e in x.ravel()):
        out["type"] = "string"
        out["strings"] = [text(e) for e in x.ravel()]
    elif x.dtype.kind in "iufb" and x.dtype.itemsize <= 8:
        out["float32"] = digest(x)
        if x.dtype.kind in "iub" and x.size <= 64 and (x.size == 0 or int(x.max()) < 2**63):
            out["ints"] = [int(e) for e in x.ravel()]
    return out


def type_name(t):
    if t.kind in "SO":
        return "string"
    return "int8" if t.kind == "b" else t.name


def attributes(o):
    out = {}
    for name in o.attrs:
        try:
            out[name] = content(o.attrs[name])
        except (OSError, ValueError, TypeError):
            out[name] = {"type": "other"}
    return out


def describe(source):
    objects = {}
    with h5py.File(source, "r") as f:
        def visit(path, o):
            kind = {h5py.Group: "group", h5py.Dataset: "dataset"}.get(type(o), "datatype")
            entry = {"kind": kind}
            if kind != "datatype" and len(o.attrs):
                entry["attrs"] = attributes(o)
            if kind == "dataset":
                mark = o.attrs.get("dtype")
                try:
                    entry["data"] = content(o[()], o.dtype == "V2" and mark is not None and text(mark) == "bfloat16")
                except (OSError, ValueError, TypeError):
                    entry["data"] = {"type": "other"}
                t = o.id.get_type()
                if t.get_class() == h5py.h5t.FLOAT and t.get_size() == 2 and t.get_ebias() == 127:
                    entry["data"]["type"] = "bfloat16"
            objects[path] = entry
        visit("", f["/"])
        f.visititems(visit)
    return objects


def canonical(objects):
    return json.dumps(objects, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def opened(path):
    return io.BytesIO(gzip.open(path).read()) if path.endswith(".gz") else path


if __name__ == "__main__":
    if len(sys.argv) > 1:
        root = sys.argv[1]
        truth = {}
        for folder in sys.argv[2:]:
            for where, _, names in os.walk(os.path.join(root, folder)):
                for n in names:
                    if n.endswith(".h5"):
                        path = os.path.join(where, n)
                        truth[os.path.relpath(path, root)] = hashlib.sha256(canonical(describe(path))).hexdigest()
        print(json.dumps(truth, indent=1, sort_keys=True))
    else:
        truth = {}
        for folder in ("keras", "corner"):
            for n in sorted(os.listdir(os.path.join(HERE, folder))):
                try:
                    objects = describe(opened(os.path.join(HERE, folder, n)))
                except OSError:  # h5py does not open it either
                    objects = None
                flat = canonical(objects)
                truth[folder + "/" + n] = objects if len(flat) < 1 << 15 else hashlib.sha256(flat).hexdigest()
        with open(os.path.join(HERE, "truth.json"), "w") as out:
            json.dump(truth, out, indent=0, sort_keys=True, ensure_ascii=False)
        print(len(truth), "files")
