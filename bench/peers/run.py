"""Measures coldstream and its peers; run.sh makes the environment and starts it.
See README.md.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import machine
import nets
import report
import sweep
import workers
from measure import Measurement


def flags():
    p = argparse.ArgumentParser(prog="bench/peers/run.sh", description="coldstream and its peers, one thread, in interleaved rounds")
    names = lambda s: s.split(",")  # noqa: E731
    numbers = lambda s: [int(n) for n in s.split(",")]  # noqa: E731
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), help="the processor to pin everything to (the last one)")
    p.add_argument("--net", type=names, default=list(nets.NETS), help="of " + ",".join(nets.NETS))
    p.add_argument("--batch", type=numbers, default=[1, 32, 500])
    p.add_argument("--engines", type=names, default=[], help="names or their first parts, such as coldstream,onnxruntime (all)")
    p.add_argument("--sweep", action="store_true", help="units, lengths and batches with coldstream and onnxruntime instead")
    p.add_argument("--work", type=Path, required=True, help="where environment, builds and data are kept (the user's cache)")
    p.add_argument("--results", type=Path, default=workers.REPOSITORY / "bench" / "results")
    args = p.parse_args()
    if unknown := [n for n in args.net if n not in nets.NETS]:
        p.error(f"no network {unknown[0]}; there are {', '.join(nets.NETS)}")
    if args.rounds < 1 or min(args.batch) < 1 or max(args.batch) > 500:
        p.error("rounds from 1, batches from 1 to 500")
    return args


def main():
    args = flags()
    data = args.work / "data"
    data.mkdir(parents=True, exist_ok=True)
    if args.sweep:
        networks = sweep.networks()
        wanted = args.engines or ["coldstream", report.BASE]
    else:
        networks = [(nets.NETS[n], args.batch) for n in args.net]
        wanted = args.engines
    engines = workers.engines(wanted, args.work, data)
    if args.sweep:
        engines = sweep.engines(engines)
    roof_binary = workers.roof_binary(args.work)
    for net, _ in networks:
        write_network(net, data)

    os.sched_setaffinity(0, {args.cpu})  # all workers inherit it
    facts = machine.describe(args.cpu)
    loads, (stolen, total) = [os.getloadavg()[0]], machine.ticks()
    m = Measurement(engines, networks, data, args.work / "logs")
    try:
        m.check()

        def roofs():
            loads.append(os.getloadavg()[0])
            return measure_roofs(roof_binary)

        m.rounds(args.rounds, roofs)
    finally:
        m.close()
    loads.append(os.getloadavg()[0])
    stolen_now, total_now = machine.ticks()
    facts["load"] = f"{min(loads):.1f} to {max(loads):.1f}"
    facts["steal"] = (stolen_now - stolen) / max(1, total_now - total)

    args.results.mkdir(parents=True, exist_ok=True)
    name = "peers-sweep" if args.sweep else "peers"
    write(args.results / f"{name}.txt", report.bench_lines(m.timings.values(), m.roofs, facts))
    text = list(page(args, m, facts))
    write(args.results / f"{name}.md", text)
    print("\n".join(text))


def write_network(net, data):
    """Makes a network's files, if they are not there in the same form."""
    folder = data / net.name
    try:
        same = nets.load(folder)[0] == net
    except (OSError, ValueError, TypeError, KeyError):
        same = False
    if not same:
        for old in folder.glob("model.*"):
            old.unlink()
        nets.make(net, folder)
    if not (folder / "model.onnx").exists():
        try:
            from engines import graph
        except ImportError as err:
            print(f"no ONNX file is written: {err}", file=sys.stderr)
            return
        loaded, weights, _ = nets.load(folder)
        graph.write(loaded, weights, folder / "model.onnx")


def measure_roofs(binary):
    if binary is None:
        return {}
    out = subprocess.run(
        [binary, "-test.run", "^$", "-test.bench", "Roof", "-test.benchtime", "50ms"],
        capture_output=True,
        text=True,
        env=os.environ | {"GOMAXPROCS": "1"},
    )
    return report.parse_roofs(out.stdout)


def page(args, m, facts):
    """Yields the lines of the table's file."""
    yield f"# {'How time grows: coldstream and ONNX Runtime' if args.sweep else 'coldstream and its peers, 1 thread'}"
    yield ""
    yield f"Measured on {time.strftime('%Y-%m-%d')} by `{command(args)}`, {args.rounds} rounds."
    yield ""
    yield from report.machine_lines(facts, m.roofs)
    yield "- " + "; ".join(dict.fromkeys(w.version for w in m.workers.values()))
    for name, why in m.failed.items():
        yield f"- {name} did not start: {why}"
    for t in m.timings.values():
        if t.left_out:
            yield f"- {t.engine.name}, {t.net.name}, batch {t.batch}: not timed, {t.left_out}"
    cut = [f"{t.engine.name} {t.net.name} batch {t.batch} ({t.limit} calls)" for t in m.timings.values() if t.limit and t.rounds]
    if cut:
        yield "- passes cut to their first calls, since they take long: " + ", ".join(cut)
    yield ""
    if args.sweep:
        yield from sweep.tables(m)
        return
    for net, batches in m.networks:
        ids = m.ids[net.name]
        yield f"## {net.name}"
        yield ""
        yield report.describe(net, float((ids != 0).sum(axis=1).mean())) + "."
        if note := report.cache_note(net, facts["l2_bytes"]):
            yield note
        yield ""
        yield "us per row, best / median · x onnxruntime · share of the roof:"
        yield ""
        order = [e.name for e in m.engines]
        yield from report.table(net, batches, order, m.timings, nets.work(net, ids), nets.work(net, ids, all_steps=True), m.roofs)
        yield ""
    yield "## How to read this"
    yield ""
    yield report.NOTES


def command(args):
    words = ["bench/peers/run.sh"]
    if args.sweep:
        words.append("--sweep")
    words += ["--rounds", str(args.rounds), "--cpu", str(args.cpu)]
    if not args.sweep:
        words += ["--net", ",".join(args.net), "--batch", ",".join(map(str, args.batch))]
    if args.engines:
        words += ["--engines", ",".join(args.engines)]
    return " ".join(words)


def write(path, lines):
    """Puts the file in place when it is complete."""
    part = path.with_name(path.name + ".part")
    part.write_text("\n".join(lines) + "\n")
    os.replace(part, path)


if __name__ == "__main__":
    main()
