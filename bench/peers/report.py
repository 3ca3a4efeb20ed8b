"""The results as text: the Go benchmark format, and tables.

Needs no packages, so that the tests run everywhere.
"""

import re
import statistics

BASE = "onnxruntime"  # what the others are compared with
NOTES = """\
- One row is one post. Times are per row: best / median of the rounds; a round is the median of passes over all rows, behind
  one pass that is not counted. All engines run in every round, another one first each time. The last batch of a pass ends at
  the last row, so that all have one size.
- x is the median of onnxruntime on this network and batch by this median.
- roof is the share of what the processor could do, by the best time and the best roof of all rounds (needed steps: padding is
  not counted, whoever computes it). n is the number of real steps of a row, u the units.
  - batch 1: bytes of matrices that one row needs / time / read bandwidth, measured for the size of the recurrent matrix (the
    next larger one that was measured), which is the L2 cache's where it fits that. Recurrent matrix: (n-1) · 4·u·4u bytes;
    input matrix of a later layer of d features: 4·d·4u bytes once, since one product can do all steps.
  - else: FLOPs of products that one row needs / time / multiply-add peak. Recurrent product: (n-1) · 2·u·4u; input product of a
    later layer: n · 2·d·4u.
  - The first real step follows a state that all rows share, so its product can be kept: hence n-1. The input product of the
    first layer is 0, since a table can hold it for each word. Nothing else is counted: no gates, no gathers, no dense layer.
  - coldstream with a kernel is compared with the roofs of that instruction set, all others with the highest.
  - Rows named allsteps, in brackets: the same with n = all steps, which is what they compute.
- error is the largest absolute error of a probability against float64 (numpy) in this run, over all batches. More than 1e-5
  (int8: 2e-2) is wrong and not timed.
- coldstream runs with NoDedupe: equal rows give it no gain. -allsteps: with NoPadSkip too, so that padding is computed as the
  others do. gonum is coldstream on gonum's products. Where a mask leaves padding out, both are the same.
- Engines of Python pay for the call from Python, with inputs and outputs bound beforehand where the engine has that."""


def bench_lines(timings, roofs, machine):
    """Returns the lines of peers.txt, one for each round."""
    yield f"goos: {machine['goos']}"
    yield f"goarch: {machine['goarch']}"
    yield "pkg: coldstream/bench/peers"
    yield f"cpu: {machine['cpu']}"
    for key, values in roofs.items():
        for value in values:
            yield f"BenchmarkRoof/{roof_name(key)} 1 {value:.2f} {unit(key[1])}"
    for t in timings:
        for ns, calls in t.rounds:
            name = f"BenchmarkPeers/engine={t.engine.name}/net={t.net.name}/batch={t.batch}"
            yield f"{name} {calls} {ns:.0f} ns/op {ns / 1e3 / t.batch:.3f} us/row"


def unit(kind):
    return "GFLOP/s" if kind == "fma" else "GB/s"


def roof_name(key):
    kernels, kind, size = key
    return f"set={kernels}/kind={kind}" + (f"/bytes={size}" if size else "")


def parse_roofs(text):
    """Reads the benchmark lines of the kernels: {(set, kind, bytes): number}. kind
    is fma or read; bytes is 0 for fma.
    """
    found = {}
    for line in text.splitlines():
        words = line.split()
        if not words or not words[0].startswith("BenchmarkRoof/"):
            continue
        name = re.sub(r"-\d+$", "", words[0])  # processors in use
        keys = dict(part.split("=", 1) for part in name.split("/")[1:] if "=" in part)
        for value, what in zip(words, words[1:]):
            if what in ("GFLOP/s", "GB/s"):
                found[keys.get("set", ""), keys.get("kind", ""), int(keys.get("bytes", 0))] = float(value)
    return found


def roof(roofs, kind, kernels, size=0):
    """Returns the best roof of a kind over all rounds: of one instruction set if it
    was measured, else the highest; of reading for the smallest measured size
    that is not below size, else the largest. None if there is none.
    """
    sizes = sorted({b for _, k, b in roofs if k == kind})
    if not sizes:
        return None
    at = next((b for b in sizes if b >= size), sizes[-1])
    every = {s: max(values) for (s, k, b), values in roofs.items() if (k, b) == (kind, at)}
    return every.get(kernels) or max(every.values())


def matrix_bytes(net):
    """Returns the size of the largest recurrent matrix."""
    return max(16 * u * u for u in net.units)


def share(t, work, roofs):
    """Returns the share of the roof that a timing reaches at best, or None."""
    if t.batch == 1:
        limit, need = roof(roofs, "read", t.engine.kernels, matrix_bytes(t.net)), work.bytes
    elif t.batch >= 32:
        limit, need = roof(roofs, "fma", t.engine.kernels), work.flops
    else:
        return None
    return need / (t.best * 1e-6) / (limit * 1e9) if limit else None


def digits(us):
    return f"{us:,.0f}" if us >= 1000 else f"{us:.3g}"


def cell(t, base, work, all_work, roofs):
    if t is None:
        return "-"
    if not t.rounds:
        return "wrong" if t.left_out.startswith("wrong") else "failed"
    text = f"{digits(t.best)} / {digits(t.median)}"
    if base is not None and base.rounds:
        text += f" · x{base.median / t.median:.2f}"
    s = share(t, work, roofs)
    if s is not None:
        text += f" · {s:.0%}"
        # Where nothing is masked, all steps may be what the engine computes.
        if t.engine.kernels and t.engine.all_steps and not t.net.masked:
            text += f" ({share(t, all_work, roofs):.0%})"
    return text


def table(net, batches, engines, timings, work, all_work, roofs):
    """Yields a network's table."""
    yield "| engine | " + " | ".join(f"batch {b}" for b in batches) + " | error |"
    yield "|---|" + "---|" * (len(batches) + 1)
    for name in engines:
        row = [timings.get((name, net.name, b)) for b in batches]
        if not any(row):
            continue
        errors = [t.error for t in row if t and t.error is not None]
        cells = [cell(t, timings.get((BASE, net.name, t.batch)) if t else None, work, all_work, roofs) for t in row]
        cells.append(f"{max(errors):.1e}" if errors else "-")
        yield f"| {name} | " + " | ".join(cells) + " |"


def describe(net, lengths):
    layers = ", ".join(("BiLSTM " if net.bidirectional else "LSTM ") + str(u) for u in net.units)
    padding = "padded behind, masked" if net.masked else "padded in front, not masked"
    return (
        f"vocabulary {net.vocab} x {net.dim}, {layers}, Dense 3 softmax; {net.rows} rows of {net.steps} steps, "
        f"{lengths:.1f} real on average, {padding}"
    )


def machine_lines(machine, roofs):
    yield f"- {machine['cpu']}, {machine['cores']} cores; {machine['flags']}; L1d {machine['l1d']}, L2 {machine['l2']}, L3 {machine['l3']}"
    yield f"- {machine['system']}; pinned to processor {machine['pinned']}, 1 thread each"
    yield f"- load average {machine['load']}; time stolen by the host {machine['steal']:.1%}"
    for key, values in sorted(roofs.items()):
        yield f"- roof {roof_name(key)}: best {max(values):.1f} {unit(key[1])}, median {statistics.median(values):.1f}"


def cache_note(net, l2):
    """Tells where the roof of batch 1 is not that of the L2 cache."""
    size = matrix_bytes(net)
    if not l2 or size <= l2:
        return ""
    return (
        f"A recurrent matrix of {size / 1024:.0f} KB does not fit the L2 cache of {l2 / 1024:.0f} KB: the roof of batch 1 "
        "is the bandwidth measured for that many bytes."
    )
