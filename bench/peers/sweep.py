"""How time grows with units, length and batch: one size of the reference network
is changed at a time.
"""

from dataclasses import replace

import nets
import report

UNITS = (16, 32, 64, 128, 196, 256, 512, 1024)
LENGTHS = (8, 16, 28, 64, 128, 256, 512)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
BATCH = 32  # where units and lengths are changed
ROWS = 64


def networks():
    """Returns (Net, [batch]). Posts fill as much of the length as in the reference."""
    reference = nets.NETS["reference"]
    made = [(replace(reference, name=f"units{u}", units=(u,), rows=ROWS), [1, BATCH]) for u in UNITS]
    for n in LENGTHS:
        scale = n / reference.steps
        net = replace(reference, name=f"length{n}", steps=n, rows=ROWS)
        net = replace(net, mean_length=nets.MEAN_LENGTH * scale, spread=nets.LENGTH_SPREAD * scale)
        made.append((net, [1, BATCH]))
    made.append((replace(reference, name="rows4096", rows=BATCHES[-1]), list(BATCHES)))
    return made


def engines(found):
    """Of coldstream, the fastest kernel alone, with padding kept and computed; no
    int8.
    """
    fastest = next((e.kernels for e in found if e.kernels), "")
    return [e for e in found if e.kernels in ("", fastest) and not e.int8]


def tables(m):
    names = [e.name for e in m.engines]
    by_name = {net.name: net for net, _ in m.networks}

    def rows(label, cases):
        yield f"| {label} | " + " | ".join(names) + " |"
        yield "|---|" + "---|" * len(names)
        for text, net, batch in cases:
            base = m.timings.get((report.BASE, net, batch))
            cells = []
            for name in names:
                t = m.timings.get((name, net, batch))
                if t is None or not t.rounds:
                    cells.append("-")
                    continue
                ratio = f" · x{base.median / t.median:.2f}" if base and base.rounds and t is not base else ""
                cells.append(f"{report.digits(t.best)} / {report.digits(t.median)}{ratio}")
            yield f"| {text} | " + " | ".join(cells) + " |"
        yield ""

    yield "The reference network (vocabulary 2000 x 128, LSTM 196, Dense 3, 28 steps of which 51 % are real) with one size changed."
    yield "us per row, best / median · x onnxruntime (medians)."
    yield ""
    for batch in (1, BATCH):
        yield f"## Batch {batch}"
        yield ""
        yield from rows("units", [(u, f"units{u}", batch) for u in UNITS if f"units{u}" in by_name])
        yield from rows("length", [(n, f"length{n}", batch) for n in LENGTHS if f"length{n}" in by_name])
    yield "## Batches"
    yield ""
    yield from rows("batch", [(b, "rows4096", b) for b in BATCHES])
