"""A worker around an engine of Python: `python worker.py ENGINE FOLDER`.

It speaks the protocol of README.md on stdin and stdout. An engine is a module in
engines/ with a function `engine(variant)`, which returns an object with

    version         a string
    load(net, weights, ids, folder)   returns a network
    calls(network, batches)           returns a function of no arguments for each
                                      batch, which computes it and returns the
                                      outputs as an array of numpy; batches are
                                      slices of rows, all of one size
"""

import gc
import importlib
import os
import sys
from pathlib import Path
from time import perf_counter_ns

# One thread, for every library that asks the environment.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402

import nets  # noqa: E402


class Worker:
    def __init__(self, engine, data):
        self.engine, self.data = engine, data
        self.loaded = {}  # by network: (net, network of the engine)
        self.prepared = {}  # by network and batch: ([slice], [function])

    def load(self, name):
        folder = self.data / name
        net, weights, ids = nets.load(folder)
        self.loaded[name] = net, self.engine.load(net, weights, ids, folder)
        return "ok"

    def prepare(self, name, batch):
        if name not in self.loaded:
            raise ValueError(f"{name} is not loaded")
        key = name, batch
        if key not in self.prepared:
            net, network = self.loaded[name]
            if not 0 < batch <= net.rows:
                raise ValueError(f"batch {batch} of {net.rows} rows")
            # The last batch ends at the last row, so that all have one size.
            starts = [min(at, net.rows - batch) for at in range(0, net.rows, batch)]
            batches = [slice(at, at + batch) for at in starts]
            self.prepared[key] = batches, self.engine.calls(network, batches)
        return self.prepared[key]

    def run(self, name, batch, limit="0"):
        _, calls = self.prepare(name, int(batch))
        calls = calls[: int(limit) or None]
        start = perf_counter_ns()
        for call in calls:
            call()
        return f"ns {perf_counter_ns() - start} {len(calls)}"

    def check(self, name, batch, path, limit="0"):
        batches, calls = self.prepare(name, int(batch))
        calls = calls[: int(limit) or None]
        net, _ = self.loaded[name]
        out = np.full((net.rows, nets.CLASSES), np.nan, "<f4")
        for rows, call in zip(batches, calls):
            out[rows] = call()
        out.tofile(path)
        return "ok"


def main(name, data):
    # What libraries print must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module, _, variant = name.partition("-")
    try:
        engine = importlib.import_module("engines." + module).engine(variant)
    except Exception as err:  # an absent package is no fault: the engine is left out
        print("error", one_line(err), file=answers)
        return
    print("ready", engine.version, file=answers)
    worker = Worker(engine, Path(data))
    gc.disable()
    for line in sys.stdin:
        word, *args = line.split()
        if word == "quit":
            return
        try:
            if word not in ("load", "run", "check"):
                raise ValueError(f"{word} is no command")
            print(getattr(worker, word)(*args), file=answers)
        except Exception as err:
            print("error", one_line(err), file=answers)


def one_line(err):
    return f"{type(err).__name__}: {err}".replace("\n", " ")[:300]


if __name__ == "__main__":
    main(*sys.argv[1:])
