#!/usr/bin/env python3
"""Write corner/: HDF5 files for the parts of the format that the files in keras/ leave out.

    python3 generate.py        (then: python3 truth.py)

Made with h5py 3.16.0 (HDF5 2.0.0), numpy 1.26.4; HDF5 puts creation times into some headers, so the bytes
differ from run to run while the content does not. Files whose name begins with "refused_" use
what the reader refuses; everything else it must read as h5py does. Files that would be big are gzipped.
"""
import contextlib
import ctypes
import gzip
import json
import os
import re
import shutil

import h5py
import numpy as np

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corner")
rng = np.random.default_rng(7)


def weights(*shape, dtype="f4"):
    return rng.standard_normal(shape).astype(dtype)


def library():
    """The very HDF5 library that h5py has loaded, for calls that h5py does not wrap."""
    with open("/proc/self/maps") as maps:
        path = next(m for m in re.findall(r"(/\S*libhdf5[-_.]\S*so\S*)", maps.read()) if "_hl" not in m)
    return ctypes.CDLL(path)


def call(function, plist, *args):
    """Set a property that h5py does not wrap."""
    args = [ctypes.c_uint(a) if isinstance(a, int) else a for a in args]
    assert getattr(library(), function)(ctypes.c_int64(plist.id), *args) >= 0, function


@contextlib.contextmanager
def create(name, **options):
    path = os.path.join(OUT, name)
    with h5py.File(path, "w", **options) as f:
        yield f


@contextlib.contextmanager
def create_with(name, fcpl, low="earliest"):
    """A file with a creation property list of its own."""
    fapl = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    bound = {"earliest": h5py.h5f.LIBVER_EARLIEST, "v110": h5py.h5f.LIBVER_V110}[low]
    fapl.set_libver_bounds(bound, h5py.h5f.LIBVER_LATEST)
    fid = h5py.h5f.create(os.path.join(OUT, name).encode(), h5py.h5f.ACC_TRUNC, fcpl, fapl)
    with h5py.File(fid) as f:
        yield f


def pack(name):
    """Replace a file by its gzipped form."""
    path = os.path.join(OUT, name)
    with open(path, "rb") as src, open(path + ".gz", "wb") as dst:
        with gzip.GzipFile("", "wb", 9, dst, mtime=0) as z:
            shutil.copyfileobj(src, z)
    os.remove(path)


def dataset(f, name, data, chunks=None, setup=None, fill=None):
    """A dataset with a creation property list of its own."""
    dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if chunks:
        dcpl.set_chunk(chunks)
    if fill is not None:
        dcpl.set_fill_value(np.array(fill, data.dtype))
    if setup:
        setup(dcpl)
    space = h5py.h5s.create_simple(data.shape)
    d = h5py.h5d.create(f.id, name.encode(), h5py.h5t.py_create(data.dtype, logical=True), space, dcpl)
    return h5py.Dataset(d)


# ---- groups ----

def many_layers():
    """Keras layout with 1,500 layers: symbol table B-tree of several levels, layer_names0, layer_names1, ..."""
    names = ["a_rather_long_layer_name_so_that_the_list_is_split_%04d" % i for i in range(1500)]
    with create("many_layers.h5") as f:
        g = f.create_group("model_weights")
        parts = np.array_split(np.array([n.encode() for n in names]), 2)
        for i, part in enumerate(parts):
            g.attrs["layer_names%d" % i] = part
        for i, n in enumerate(names):
            sub = g.create_group(n)
            sub.attrs["weight_names"] = np.zeros(0) if i % 10 else [b"k:0"]
            if i % 10 == 0:
                sub["k:0"] = weights(2)
    pack("many_layers.h5")


def symbol_tree_deep():
    """Small nodes: a symbol table B-tree of five levels; superblock version 0."""
    fcpl = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    call("H5Pset_sym_k", fcpl, 2, 1)
    with create_with("symbol_tree_deep.h5", fcpl) as f:
        f["x"] = weights(3)
        for i in rng.permutation(200):
            f["link%03d" % i] = f["x"]


def links_dense_deep():
    """Dense links behind a version 2 B-tree of depth 2."""
    with create("links_dense_deep.h5", libver="latest") as f:
        g = f.create_group("g")
        x = f.create_dataset("x", data=weights(3))
        for i in rng.permutation(3000):
            g["link%04d" % i] = x
    pack("links_dense_deep.h5")


def links_nested_blocks():
    """Dense links whose fractal heap has indirect blocks within indirect blocks."""
    with create("links_nested_blocks.h5", libver="latest") as f:
        g = f.create_group("g")
        for i in range(600):
            g["w%03d_" % i + "n" * 1500] = h5py.SoftLink("/x")
        g["x"] = weights(3)
    pack("links_nested_blocks.h5")


def groups_compact():
    """New-style groups with compact links: hard, soft, ordered, with times and non-ASCII names."""
    with create("groups_compact.h5", libver="v110") as f:
        g = f.create_group("слой", track_order=True)
        g["ядро:0"] = weights(2, 3)
        g["soft"] = h5py.SoftLink("ядро:0")
        g["absolute"] = h5py.SoftLink("/слой/ядро:0")
        g["dangling"] = h5py.SoftLink("/nothing/here")
        g["loop"] = h5py.SoftLink("loop")
        g.create_dataset("timed", data=weights(2), track_times=True)
        f.create_group("empty")
        f["again"] = g
        g["up"] = f["/"]


def user_block():
    """Behind a user block of 2,048 bytes, with everything that stores addresses."""
    with create("user_block.h5", libver="latest", userblock_size=2048) as f:
        g = f.create_group("g")
        for i in range(60):
            g["w%02d" % i] = np.float32(i)
        for i in range(20):
            g.attrs["a%02d" % i] = "text %d" % i
        f.create_dataset("chunked", data=weights(20, 7), chunks=(6, 3), compression="gzip")
    with create("user_block_v0.h5", userblock_size=512) as f:
        f["g/x"] = weights(4)
        f.attrs["names"] = ["one", "two"]
        f.create_dataset("chunked", data=weights(20, 7), chunks=(6, 3), compression="gzip")


# ---- attributes ----

def attributes_dense_deep():
    """Dense attributes: version 2 B-tree of depth 2, heap with nested indirect blocks, on a group and a dataset."""
    with create("attributes_dense_deep.h5", libver="latest") as f:
        for i in rng.permutation(1200):
            f.attrs["name%04d" % i] = np.array([b"w%04d" % i] * 90, "S5")
        d = f.create_dataset("x", data=weights(3))
        for i in range(30):
            d.attrs["a%02d" % i] = np.float32(i)
    pack("attributes_dense_deep.h5")


def attributes_compact_many():
    """Attributes that need continuation blocks, in header versions 1 and 2."""
    with create("attributes_many_v1.h5") as f:
        g = f.create_group("g")
        for i in range(60):
            g.attrs["a%02d" % i] = "value %d" % i
    with create("attributes_many_v2.h5", libver="v110") as f:
        gcpl = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
        gcpl.set_attr_phase_change(100, 90)
        g = h5py.Group(h5py.h5g.create(f.id, b"g", gcpl=gcpl))
        for i in range(60):
            g.attrs["a%02d" % i] = "value %d" % i


def big_config():
    """A configuration of a megabyte, as a variable-length string."""
    config = json.dumps({"pad": "x" * 1_000_000})
    with create("big_config.h5") as f:
        f.attrs["model_config"] = config
    pack("big_config.h5")
    with create("big_config_latest.h5", libver="latest") as f:
        f.attrs["model_config"] = config
    pack("big_config_latest.h5")


def strings():
    """Strings of every padding and length, in attributes and datasets."""
    for name, libver in [("strings_v0.h5", "earliest"), ("strings_latest.h5", "latest")]:
        with create(name, libver=libver) as f:
            for label, pad in [("term", h5py.h5t.STR_NULLTERM), ("nul", h5py.h5t.STR_NULLPAD), ("space", h5py.h5t.STR_SPACEPAD)]:
                t = h5py.h5t.C_S1.copy()
                t.set_size(8)
                t.set_strpad(pad)
                data = {"term": [b"abc\0junk", b"\0", b"sevench\0"], "nul": [b"abc", b"", b"eightchr"], "space": [b"abc     ", b"        ", b"a b     "]}[label]
                space = h5py.h5s.create_simple((3,))
                a = h5py.h5a.create(f.id, label.encode(), t, space)
                a.write(np.array(data, "S8"), mtype=t)
                d = h5py.h5d.create(f.id, label.encode(), t, space)
                d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array(data, "S8"), mtype=t)
            f.attrs["utf8"] = "naïve 你好"
            f.attrs["ascii"] = np.bytes_(b"plain")
            f.attrs["empty"] = ""
            f.attrs["list"] = ["", "é", "longer than the others"]
            f.attrs["grid"] = np.array([[b"a", b"bc"], [b"def", b""]])
            f.attrs["none"] = h5py.Empty("S4")
            f.attrs["nobody"] = np.zeros((0,), "S4")
            f["words"] = ["the", "", "fox", "ё" * 40]
            f["word"] = "alone"
            f.create_dataset("unwritten", (2,), dtype=h5py.string_dtype())


# ---- types ----

def types():
    """Numbers of every size in both byte orders, in datasets and attributes; committed types."""
    extremes = {"i": lambda t: [np.iinfo(t).min, -1, 0, 1, np.iinfo(t).max], "u": lambda t: [0, 1, np.iinfo(t).max // 2 + 1, np.iinfo(t).max],
                "f": lambda t: [0.0, -0.0, 1.5, -2.25, np.finfo(t).max, np.finfo(t).tiny, np.finfo(t).smallest_subnormal, np.inf, -np.inf, np.nan]}
    for name, libver in [("types_v0.h5", "earliest"), ("types_latest.h5", "latest")]:
        with create(name, libver=libver) as f:
            for code in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]:
                for order in "<>":
                    v = np.array(extremes[code[0]](np.dtype(code)), order + code)
                    f[("le_" if order == "<" else "be_") + code] = v
                    f.attrs[("le_" if order == "<" else "be_") + code] = v
            f["all_halves"] = np.arange(65536, dtype="u2").view("f2")[:0x7c01]
            f["bool"] = np.array([True, False, True])
            f["enum"] = np.array([2, 1, 2], dtype=h5py.enum_dtype({"A": 1, "B": 2}, basetype=">i2"))
            f["rounds"] = np.array([16777217, 16777219, 2**53 + 1, -(2**62) - 1], "i8")
            f["doubles"] = np.array([0.1, 1 / 3, 1e300, 1e-300, 16777217.0])
            f["scalar"] = np.float64(2.5)
            f["empty"] = h5py.Empty("f4")
            f["zero"] = np.zeros((3, 0, 2), "f4")
            f["cube"] = weights(2, 3, 4)
            f["committed"] = np.dtype(">f8")
            d = f.create_dataset("uses_committed", (3,), dtype=f["committed"])
            d[:] = [1, 2, 3]
            d.attrs.create("also", [4.0, 5.0], dtype=f["committed"])


def bfloat16():
    """bfloat16 as a floating-point type and as Keras 3 stores it."""
    values = weights(4, 3)
    with create("bfloat16.h5") as f:
        for name, base in [("le", h5py.h5t.IEEE_F32LE), ("be", h5py.h5t.IEEE_F32BE)]:
            t = base.copy()
            t.set_fields(15, 7, 8, 0, 7)
            t.set_size(2)
            t.set_precision(16)
            t.set_ebias(127)
            d = h5py.h5d.create(f.id, name.encode(), t, h5py.h5s.create_simple((4, 3)))
            d.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
        raw = (values.view("u4") >> 16).astype("u2")
        d = f.create_dataset("keras", data=raw.view("V2"))
        d.attrs["dtype"] = "bfloat16"
        d = f.create_dataset("keras_chunked", data=raw.view("V2"), chunks=(2, 2), compression="gzip")
        d.attrs["dtype"] = np.bytes_(b"bfloat16")


# ---- chunks ----

def chunks():
    """Chunked datasets, for each way of listing chunks that is read."""
    for name, libver in [("chunks_v0.h5", "earliest"), ("chunks_v110.h5", "v110"), ("chunks_latest.h5", "latest")]:
        with create(name, libver=libver) as f:
            x = weights(23, 17)
            f.create_dataset("plain", data=x, chunks=(5, 4))
            f.create_dataset("gzip", data=x, chunks=(5, 4), compression="gzip")
            f.create_dataset("all_filters", data=x, chunks=(5, 4), compression="gzip", shuffle=True, fletcher32=True)
            f.create_dataset("shuffle", data=x.astype("f8"), chunks=(23, 3), shuffle=True)
            f.create_dataset("big_endian", data=x.astype(">f4"), chunks=(5, 4), shuffle=True, compression="gzip")
            f.create_dataset("half", data=x.astype("f2"), chunks=(5, 4), fletcher32=True)
            f.create_dataset("cube", data=weights(5, 6, 7), chunks=(2, 4, 3), compression="gzip")
            f.create_dataset("line", data=weights(100), chunks=(7,))
            f.create_dataset("single", data=x, chunks=(23, 17))
            f.create_dataset("single_gzip", data=x, chunks=(23, 17), compression="gzip")
            f.create_dataset("words", data=["a", "bb", "ccc"], chunks=(2,), dtype=h5py.string_dtype())
            # Sums of all ones are where folding and taking a remainder differ.
            f.create_dataset("ones", data=np.full(999, 255, "u1"), chunks=(333,), fletcher32=True)
            d = dataset(f, "sparse", x, (5, 4), fill=-7.5)
            d[6:9, 3:11] = x[6:9, 3:11]
            d = dataset(f, "sparse_gzip", x, (5, 4), lambda p: p.set_deflate(6), fill=2.25)
            d[0:2, 0:2] = 1
            dataset(f, "unwritten", x, (5, 4), fill=9)
            dataset(f, "early", x, (5, 4), lambda p: p.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY))[...] = x
            d = f.create_dataset("masked", (10, 4), "f4", chunks=(5, 4), compression="gzip", shuffle=True)
            d[...] = x[:10, :4]
            d.id.write_direct_chunk((5, 0), x[3:8, 5:9].tobytes(), filter_mask=3)
            if libver != "earliest":
                def raw_edges(p):
                    p.set_deflate(6)
                    call("H5Pset_chunk_opts", p, 2)

                dataset(f, "raw_edges", x, (5, 4), raw_edges)[...] = x


def chunk_tree_deep():
    """A chunk B-tree of several levels; superblock version 1."""
    fcpl = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    call("H5Pset_istore_k", fcpl, 2)
    with create_with("chunk_tree_deep.h5", fcpl) as f:
        f.create_dataset("x", data=weights(30, 9), chunks=(2, 2), compression="gzip", maxshape=(None, None))


def layouts():
    """Compact and contiguous data, fill values in every version of their message."""
    for name, libver in [("layouts_v0.h5", "earliest"), ("layouts_latest.h5", "latest")]:
        with create(name, libver=libver) as f:
            x = weights(5, 3)
            dataset(f, "compact", x, setup=lambda p: p.set_layout(h5py.h5d.COMPACT))[...] = x
            f["contiguous"] = x
            dataset(f, "fill", x, fill=0.5)
            dataset(f, "zeros", x)
            dataset(f, "fill_int", x.astype(">i2"), fill=-300)


# ---- what is refused ----

def refused():
    x = weights(23, 17)
    with create("refused_extensible_array.h5", libver="v110") as f:
        f.create_dataset("x", data=x, chunks=(5, 4), maxshape=(None, 17))
    with create("refused_chunk_btree2.h5", libver="v110") as f:
        f.create_dataset("x", data=x, chunks=(5, 4), maxshape=(None, None))
    with create("refused_paged_array.h5", libver="v110") as f:
        f.create_dataset("x", data=np.arange(1100, dtype="u1"), chunks=(1,))
    pack("refused_paged_array.h5")
    for name, options in [("lzf", {"compression": "lzf"}), ("scaleoffset", {"scaleoffset": 3})]:
        with create("refused_%s.h5" % name) as f:
            f.create_dataset("x", data=x, chunks=(5, 4), **options)
    with create("refused_nbit.h5") as f:
        dataset(f, "x", x, (5, 4), lambda p: p.set_filter(h5py.h5z.FILTER_NBIT, 0))[...] = x
    with create("refused_external_link.h5") as f:
        f["g/x"] = h5py.ExternalLink("other.h5", "/x")
    with create("refused_external_link_latest.h5", libver="latest") as f:
        f["g/x"] = h5py.ExternalLink("other.h5", "/x")
    with create("refused_external_data.h5") as f:
        f.create_dataset("x", (4,), "f4", external=[("other.bin", 0, 16)])
    with create("refused_virtual.h5", libver="latest") as f:
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
        f.create_virtual_dataset("x", layout)
    with create("refused_huge_attribute.h5", libver="latest") as f:
        f.attrs["model_config"] = np.bytes_(b"x" * 100_000)
    pack("refused_huge_attribute.h5")
    with create("refused_filtered_heap.h5", libver="latest") as f:
        gcpl = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
        call("H5Pset_deflate", gcpl, 6)
        g = h5py.Group(h5py.h5g.create(f.id, b"g", gcpl=gcpl))
        for i in range(40):
            g["w%02d" % i] = h5py.SoftLink("/x")
    fcpl = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    call("H5Pset_shared_mesg_nindexes", fcpl, 1)
    every_type, smallest = 0x1f, 16
    call("H5Pset_shared_mesg_index", fcpl, 0, every_type, smallest)
    with create_with("refused_shared_messages.h5", fcpl, "v110") as f:
        for name in "ab":
            f[name] = weights(2, 3)
            f[name].attrs["names"] = ["one", "two"]
    with create("refused_never_filled.h5") as f:
        dataset(f, "x", x, setup=lambda p: p.set_fill_time(h5py.h5d.FILL_TIME_NEVER))
        dataset(f, "y", x, (5, 4), lambda p: p.set_fill_time(h5py.h5d.FILL_TIME_NEVER))[0:3, 0:3] = 1
    with create("refused_types.h5") as f:
        f["compound"] = np.zeros(2, [("a", "f4"), ("b", "i4")])
        f["complex"] = np.zeros(2, "c8")
        f["opaque"] = np.zeros(2, "V3")
        f["opaque2"] = np.zeros(2, "V2")
        f["longdouble"] = np.zeros(2, "longdouble")
        f["sequences"] = np.array([np.arange(2), np.arange(3)], dtype=h5py.vlen_dtype("i4"))
        f["references"] = np.array([f["compound"].ref], dtype=h5py.ref_dtype)
        f.create_dataset("array", (2,), dtype=np.dtype(("f4", (3,))))
        f.attrs["compound"] = np.zeros(2, [("a", "f4"), ("b", "i4")])
        t = h5py.h5t.STD_I16LE.copy()
        t.set_precision(12)
        h5py.h5d.create(f.id, b"int12", t, h5py.h5s.create_simple((2,)))
        h5py.h5d.create(f.id, b"bits", h5py.h5t.STD_B8LE, h5py.h5s.create_simple((2,)))
    path = os.path.join(OUT, "refused_not_closed.h5")
    with h5py.File(path + ".open", "w", libver="latest") as f:
        f["x"] = x
        f.swmr_mode = True
        f.flush()
        shutil.copy(path + ".open", path)
    os.remove(path + ".open")
    with create("refused_deep.h5") as f:
        f["/".join("g" * 300) + "/x"] = weights(2)
    pack("refused_deep.h5")


def refused_cache_image():
    """Metadata kept in one image at the end of the file instead of in its places."""
    class ImageConfig(ctypes.Structure):
        _fields_ = [("version", ctypes.c_int), ("generate", ctypes.c_bool), ("resize", ctypes.c_bool), ("ageout", ctypes.c_int)]

    fapl = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    fapl.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    config = ImageConfig(1, True, False, -1)
    call("H5Pset_mdc_image_config", fapl, ctypes.byref(config))
    path = os.path.join(OUT, "refused_cache_image.h5").encode()
    fid = h5py.h5f.create(path, h5py.h5f.ACC_TRUNC, None, fapl)
    with h5py.File(fid) as f:
        f["g/x"] = weights(3)


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    for make in [many_layers, symbol_tree_deep, links_dense_deep, links_nested_blocks, groups_compact, user_block,
                 attributes_dense_deep, attributes_compact_many, big_config, strings, types, bfloat16, chunks,
                 chunk_tree_deep, layouts, refused, refused_cache_image]:
        make()
    print(len(os.listdir(OUT)), "files in", OUT)
