"""Tests of report.py; needs no packages."""

import unittest
from types import SimpleNamespace

import report

ROOFS = """\
goos: linux
BenchmarkRoof/set=avx512/kind=fma-2  	 100	 5 ns/op	 200.00 GFLOP/s
BenchmarkRoof/set=avx2/kind=fma      	 100	 5 ns/op	 100.00 GFLOP/s
BenchmarkRoof/set=avx2/kind=read/bytes=262144-2  	 7	 5 ns/op	 80.00 GB/s
BenchmarkRoof/set=avx2/kind=read/bytes=614656-2  	 7	 5 ns/op	 50.00 GB/s
PASS
"""


def net(units=(196,)):
    return SimpleNamespace(name="n", units=units, masked=False)


def timing(us, batch=32, kernels="", all_steps=True, units=(196,), error=1e-7, left_out=""):
    """A timing with rounds of the given times per row."""
    import statistics

    engine = SimpleNamespace(name="e", kernels=kernels, all_steps=all_steps)
    t = SimpleNamespace(engine=engine, net=net(units), batch=batch, error=error, left_out=left_out)
    t.rounds = [(u * 1e3 * batch, 16) for u in us]
    if us:
        t.best, t.median = min(us), statistics.median(us)
    return t


WORK = SimpleNamespace(flops=4e6, bytes=8e6)
ALL = SimpleNamespace(flops=8e6, bytes=16e6)


class Report(unittest.TestCase):
    def setUp(self):
        self.roofs = {k: [v, v / 2] for k, v in report.parse_roofs(ROOFS).items()}

    def test_parse(self):
        self.assertEqual(
            report.parse_roofs(ROOFS),
            {
                ("avx512", "fma", 0): 200,
                ("avx2", "fma", 0): 100,
                ("avx2", "read", 262144): 80,
                ("avx2", "read", 614656): 50,
            },
        )

    def test_roof(self):
        for kind, kernels, size, expected in [
            ("fma", "", 0, 200),  # the highest
            ("fma", "avx2", 0, 100),
            ("read", "avx2", 1000, 80),
            ("read", "avx512", 262144, 80),
            ("read", "", 262145, 50),
            ("read", "", 1 << 30, 50),
            ("other", "", 0, None),
        ]:
            self.assertEqual(report.roof(self.roofs, kind, kernels, size), expected, (kind, kernels, size))
        self.assertIsNone(report.roof({}, "fma", ""))

    def test_share(self):
        # 4e6 FLOPs in 80 us are 50 GFLOP/s.
        self.assertAlmostEqual(report.share(timing([80, 90], kernels="avx2"), WORK, self.roofs), 0.5)
        self.assertAlmostEqual(report.share(timing([80, 90]), WORK, self.roofs), 0.25)
        # 8e6 bytes in 320 us are 25 GB/s; the matrix has 614656 bytes.
        self.assertAlmostEqual(report.share(timing([320], batch=1), WORK, self.roofs), 0.5)
        self.assertIsNone(report.share(timing([320], batch=8), WORK, self.roofs))
        self.assertIsNone(report.share(timing([320]), WORK, {}))

    def test_cell(self):
        base = timing([400, 400, 100])
        for t, expected in [
            (None, "-"),
            (timing([80, 100], kernels="avx2", all_steps=False), "80 / 90 · x4.44 · 50%"),
            (timing([80], kernels="avx2"), "80 / 80 · x5.00 · 50% (100%)"),
            (timing([1600]), "1,600 / 1,600 · x0.25 · 1%"),
            (timing([], left_out="wrong by 1e-1"), "wrong"),
            (timing([], left_out="no answer"), "failed"),
        ]:
            self.assertEqual(report.cell(t, base, WORK, ALL, self.roofs), expected)
        self.assertEqual(report.cell(timing([80], batch=8), None, WORK, ALL, {}), "80 / 80")

    def test_table(self):
        timings = {("onnxruntime", "n", 32): timing([400]), ("e", "n", 32): timing([100], error=3e-7)}
        lines = list(report.table(net(), [32], ["e", "onnxruntime", "absent"], timings, WORK, ALL, {}))
        self.assertEqual(
            lines,
            [
                "| engine | batch 32 | error |",
                "|---|---|---|",
                "| e | 100 / 100 · x4.00 | 3.0e-07 |",
                "| onnxruntime | 400 / 400 · x1.00 | 1.0e-07 |",
            ],
        )

    def test_bench_lines(self):
        machine = {"goos": "linux", "goarch": "amd64", "cpu": "C"}
        lines = list(report.bench_lines([timing([2.5], batch=32)], {("avx2", "read", 4): [7]}, machine))
        self.assertEqual(
            lines[4:],
            [
                "BenchmarkRoof/set=avx2/kind=read/bytes=4 1 7.00 GB/s",
                "BenchmarkPeers/engine=e/net=n/batch=32 16 80000 ns/op 2.500 us/row",
            ],
        )


if __name__ == "__main__":
    unittest.main()
