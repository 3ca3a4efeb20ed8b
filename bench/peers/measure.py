"""Rounds of measurements, all engines in each of them, one after the other."""

import statistics
import sys
from time import perf_counter

import numpy as np

import nets
from workers import Failed, Process

ROUND_SECONDS = 0.1  # of passes, per engine, network and batch
SLOW_SECONDS = 1.5  # a pass that takes longer is cut
CHECK_SECONDS = 10  # and so is the check


class Timing:
    """What is measured of one engine on one network with one batch size."""

    def __init__(self, engine, net, batch):
        self.engine, self.net, self.batch = engine, net, batch
        self.error = None  # largest, of a probability
        self.left_out = ""  # why it is not timed
        self.limit = 0  # calls of a pass; 0 = all
        self.rounds = []  # (ns per call, calls)

    def us(self):
        """Microseconds per row, of each round."""
        return [ns / 1e3 / self.batch for ns, _ in self.rounds]

    @property
    def best(self):
        return min(self.us())

    @property
    def median(self):
        return statistics.median(self.us())


class Measurement:
    """A run: workers, what they compute, and how long it takes them."""

    def __init__(self, engines, networks, data, logs):
        """networks is a list of (Net, [batch]). Their folders in data are made."""
        self.engines, self.networks, self.data = engines, networks, data
        self.workers = {}
        self.failed = {}  # by engine: why it did not start
        self.timings = {}  # by engine, network, batch
        self.roofs = {}  # by (set, kind): one number per round
        self.ids, self.right = {}, {}
        for net, _ in networks:
            net, weights, ids = nets.load(data / net.name)
            self.ids[net.name], self.right[net.name] = ids, nets.outputs(net, weights, ids)
        for engine in engines:
            try:
                self.workers[engine.name] = Process(engine, logs)
            except Failed as err:
                self.failed[engine.name] = str(err)
                print(f"{engine.name}: left out, {err}", file=sys.stderr)

    def close(self):
        for worker in self.workers.values():
            worker.close()

    def check(self):
        """Lets every engine compute everything once and compares."""
        for name, worker in self.workers.items():
            for net, batches in self.networks:
                progress(f"check {name} {net.name}")
                try:
                    worker.load(net.name)
                    failed = ""
                except Failed as err:
                    failed = str(err)
                for batch in batches:
                    t = Timing(worker.engine, net, batch)
                    self.timings[name, net.name, batch] = t
                    t.left_out = failed
                    if not failed:
                        self.check_one(worker, t)
                    if t.left_out:
                        print(f"{name} {net.name} batch {batch}: not timed, {t.left_out}", file=sys.stderr)

    def check_one(self, worker, t):
        path = self.data / f"{worker.engine.name}.out"
        try:
            # The first call has preparations in it; others may be disturbed.
            worker.run(t.net.name, t.batch, 1)
            ns = min(worker.run(t.net.name, t.batch, 1)[0] for _ in range(3))
            calls = -(-t.net.rows // t.batch)

            def limit(seconds):
                return max(1, int(seconds * 1e9 / ns)) if ns * calls > seconds * 1e9 else 0

            t.limit, checked = limit(SLOW_SECONDS), limit(CHECK_SECONDS)
            worker.check(t.net.name, t.batch, path, checked)
            right = self.right[t.net.name]
            out = np.fromfile(path, "<f4").reshape(right.shape)
            rows = checked * t.batch or t.net.rows
            t.error = float(np.abs(out - right)[:rows].max())
            if not t.error <= worker.engine.tolerance:
                t.left_out = f"wrong by {t.error:.1e}"
        except Failed as err:
            t.left_out = str(err)
        finally:
            path.unlink(missing_ok=True)

    def rounds(self, count, roofs):
        """Measures; roofs is a function that returns {(set, kind): number}."""
        for r in range(count):
            for key, value in roofs().items():
                self.roofs.setdefault(key, []).append(value)
            for net, batches in self.networks:
                for batch in batches:
                    progress(f"round {r + 1} of {count}: {net.name}, batch {batch}")
                    there = [t for name in self.workers if not (t := self.timings[name, net.name, batch]).left_out]
                    at = r % max(1, len(there))  # another engine is first each round
                    for t in there[at:] + there[:at]:
                        self.time(t)
        progress("")

    def time(self, t):
        """Adds a round: the median of passes, behind one that is not counted."""
        worker = self.workers[t.engine.name]
        passes, calls = [], 0
        try:
            if not t.limit:
                worker.run(t.net.name, t.batch)
            start = perf_counter()
            # Three passes, so that one that is disturbed does not count, unless they are long.
            while not passes or perf_counter() < start + ROUND_SECONDS * (1 if len(passes) >= 3 else 5):
                ns, n = worker.run(t.net.name, t.batch, t.limit)
                passes.append(ns)
                calls += n
            t.rounds.append((statistics.median(passes), calls))
        except Failed as err:
            t.left_out = str(err)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
