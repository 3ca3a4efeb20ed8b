# -*- coding: utf-8 -*-
"""Write python2/ or python3/: pickled Tokenizers, and truth.json with what they hold.

    python2.7 generate.py     (made with 2.7.18)
    python3 generate.py       (made with 3.11.7)
    python3 generate.py keras (adds python3/keras_2_15.pickle; needs Keras 2.15)

Files whose name begins with "refused_" are no Tokenizers, or not only.
"""
from __future__ import unicode_literals

import io
import json
import os
import pickle
import pickletools
import sys
import types
from collections import OrderedDict, defaultdict

PY2 = sys.version_info[0] == 2
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python%d" % sys.version_info[0])
TEXTS = [
    "The quick brown fox and the lazy dog",
    "the fox, the naïve café, 你好 😀",
    "it's 100 % \\slash 'quoted' tab\there",
]
FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
truth = {}


def tokenizer_class(module):
    """A class that pickles as module.Tokenizer."""
    parts = module.split(".")
    for i in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(str(".".join(parts[:i]))))
    if not hasattr(sys.modules[module], "Tokenizer"):
        sys.modules[module].Tokenizer = type(str("Tokenizer"), (object,), {"__module__": str(module)})
    return sys.modules[module].Tokenizer


def fitted(module="keras_preprocessing.text", num_words=None, oov_token=None, char_level=False, keras=2):
    """The state that Keras' fit_on_texts leaves behind."""
    t = tokenizer_class(module)()
    t.word_counts = OrderedDict() if keras == 2 else {}
    t.word_docs = defaultdict(int) if keras == 2 else {}
    t.filters = FILTERS
    t.split = " "
    t.lower = True
    setattr(t, "num_words" if keras == 2 else "nb_words", num_words)
    t.document_count = 0
    t.char_level = char_level
    for text in TEXTS:
        t.document_count += 1
        text = text.lower()
        if char_level:
            words = list(text) if not PY2 else [c for c in text]
        else:
            words = "".join(" " if c in FILTERS else c for c in text).split()
        for w in words:
            t.word_counts[w] = t.word_counts.get(w, 0) + 1
        for w in set(words):
            t.word_docs[w] = t.word_docs.get(w, 0) + 1
    ranked = [w for w, _ in sorted(t.word_counts.items(), key=lambda x: -x[1])]
    if keras == 2:
        t.oov_token = oov_token
        ranked = ([oov_token] if oov_token else []) + ranked
    t.word_index = dict((w, i + 1) for i, w in enumerate(ranked))
    if keras == 2:
        t.index_word = dict((i, w) for w, i in t.word_index.items())
        t.index_docs = defaultdict(int, ((t.word_index[w], n) for w, n in t.word_docs.items()))
    return t


def describe(t):
    def pairs(d):
        return None if d is None else [[w, n] for w, n in d.items()]

    index_word = getattr(t, "index_word", None)
    return {
        "module": type(t).__module__, "word_index": pairs(t.word_index),
        "index_word": None if index_word is None else [[w, i] for i, w in index_word.items()],
        "word_counts": pairs(t.word_counts), "num_words": getattr(t, "num_words", getattr(t, "nb_words", None)),
        "filters": t.filters, "lower": t.lower, "split": t.split, "char_level": t.char_level,
        "oov_token": getattr(t, "oov_token", None), "document_count": t.document_count,
        "extra": sorted(set(vars(t)) - {"word_counts", "word_docs", "filters", "split", "lower", "num_words", "nb_words", "document_count",
                                        "char_level", "oov_token", "word_index", "index_word", "index_docs", "analyzer"}),
    }


def save(name, value, expect=None, protocol=2, dumps=pickle.dumps):
    data = value if isinstance(value, bytes) else dumps(value, protocol)
    with open(os.path.join(OUT, name + ".pickle"), "wb") as f:
        f.write(data)
    if expect is not None:
        truth[name] = expect


def everywhere():
    """What both Pythons write."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        t = fitted(num_words=20, oov_token="<unk>")
        save("protocol%d" % protocol, t, describe(t), protocol)
    for name, t in [
        ("keras1", fitted("keras.preprocessing.text", 100, keras=1)),
        ("keras2", fitted("keras.preprocessing.text")),
        ("tensorflow", fitted("tensorflow.python.keras.preprocessing.text", oov_token="OOV")),
        ("chars", fitted("keras.src.preprocessing.text", char_level=True)),
        ("legacy", fitted("keras.src.legacy.preprocessing.text", num_words=0)),
    ]:
        save(name, t, describe(t))
    t = fitted()
    t.analyzer = None
    t.maxlen = 28
    t.note = ["by", {"hand": 1}]
    save("extra", t, describe(t))
    t = fitted(num_words=1e4)
    save("float_limit", t, describe(t))
    t = fitted()
    save("in_tuple", (t, 28, ["Negative", "Positive"]), describe(t))
    save("in_dict", {"tokenizer": t, "maxlen": 28}, describe(t))
    save("in_list", [[t], None], describe(t))
    save("twice_the_same", (t, t), describe(t))
    save("optimized", pickletools.optimize(pickle.dumps(t, 2)), describe(t))
    save("followed", pickle.dumps(t, 2) + pickle.dumps(28, 2), describe(t))
    save("bare", t.word_index, {"bare": True, "word_index": [[w, n] for w, n in t.word_index.items()]})

    save("refused_two", (fitted(), fitted()))
    save("refused_none", {"maxlen": [28]})
    save("refused_set", {"words"})
    save("refused_system", EvilCall())
    t = fitted()
    del t.word_index
    save("refused_unfitted", t)
    t = fitted()
    t.analyzer = len
    save("refused_analyzer_function", t)
    t = fitted()
    t.analyzer = "upper"
    save("refused_analyzer", t)
    for name, value in [("word_index", ["the"]), ("lower", "yes"), ("split", None), ("num_words", "20"), ("oov_token", True), ("document_count", -1)]:
        t = fitted()
        setattr(t, name, value)
        save("refused_" + name, t)
    t = fitted()
    t.word_index["big"] = 2**40
    save("refused_index", t)
    t.word_index["big"] = 2**100
    save("refused_long", t)
    t = fitted()
    t.word_index = {("a", "b"): 1}
    save("refused_key", t)
    sub = type(str("MyTokenizer"), (tokenizer_class("keras_preprocessing.text"),), {"__module__": str("__main__")})
    globals()["MyTokenizer"] = sub
    save("refused_subclass", sub())


class EvilCall(object):
    def __reduce__(self):
        return os.system, ("echo harmless",)


def only2():
    import cPickle

    for protocol in range(3):
        t = fitted(oov_token="<unk>")
        save("c_protocol%d" % protocol, t, describe(t), protocol, cPickle.dumps)
    t = fitted()
    t.word_index = {b"plain": 1, "naïve".encode("utf-8"): 2, b"it's \"quoted\" \\ \t": 3}
    expect = describe(t)
    expect["word_index"] = [[w.decode("utf-8"), n] for w, n in t.word_index.items()]
    for protocol in range(3):
        save("str_words_%d" % protocol, t, expect, protocol)
    t.word_index = {b"caf\xe9": 1}
    save("refused_latin1", t)

    class Old:
        pass

    Old.__name__ = str("Tokenizer")
    Old.__module__ = str("keras.preprocessing.text")
    tokenizer_class("keras.preprocessing.text")
    sys.modules["keras.preprocessing.text"].Tokenizer = Old
    old = Old()
    old.__dict__.update(vars(fitted("keras_preprocessing.text")))
    save("refused_old_class_0", old, protocol=0)
    save("refused_old_class_1", old, protocol=1)


def only3():
    t = fitted()
    save("default_protocol", t, describe(t), pickle.DEFAULT_PROTOCOL)
    t.word_index = {"\ud83d": 1}
    save("refused_surrogate", t)
    save("refused_surrogate_0", t, protocol=0)
    t.word_index = {b"bytes": 1}
    save("refused_bytes", t, protocol=4)
    t = fitted()
    t.buffer = bytearray(b"x")
    save("refused_bytearray", t, protocol=5)
    t.buffer = 10**1000
    save("refused_long4", t, protocol=4)


def real_keras():
    from keras.src.preprocessing.text import Tokenizer

    t = Tokenizer(num_words=30, oov_token="<OOV>")
    t.fit_on_texts(TEXTS)
    save("keras_2_15", t, describe(t), pickle.DEFAULT_PROTOCOL)


if __name__ == "__main__":
    if not os.path.isdir(OUT):
        os.makedirs(OUT)
    TRUTH = os.path.join(OUT, "truth.json")
    if os.path.exists(TRUTH):
        with io.open(TRUTH, encoding="utf-8") as f:
            truth.update(json.load(f))
    if sys.argv[1:] == ["keras"]:
        real_keras()
    else:
        everywhere()
        (only2 if PY2 else only3)()
    with io.open(TRUTH, "w", encoding="utf-8", newline="\n") as f:
        text = json.dumps(truth, ensure_ascii=False, indent=0, sort_keys=True, separators=(",", ": "))
        f.write(text if isinstance(text, type("")) else text.decode("utf-8"))
    print("%d files in %s" % (len(os.listdir(OUT)), OUT))
