"""The processes that compute: which there are, how they are built and started,
and the lines they are asked with.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
F32_ERROR, INT8_ERROR = 1e-5, 2e-2  # of a probability: more is wrong

PYTHON = (
    "onnxruntime",
    "onnxruntime-int8",
    "openvino",
    "tensorflow",
    "tensorflow-xla",
    "tensorflow-predict",
    "litert",
    "pytorch",
    "pytorch-script",
)


@dataclass
class Engine:
    name: str
    command: list
    int8: bool = False
    kernels: str = ""  # of coldstream
    all_steps: bool = True  # padding is computed, where nothing masks it

    @property
    def tolerance(self):
        return INT8_ERROR if self.int8 else F32_ERROR


def build(target, command, what, **more):
    """Runs a build; returns whether it worked."""
    if not shutil.which(command[0]):
        print(f"{what}: left out, there is no {command[0]}", file=sys.stderr)
        return False
    made = subprocess.run([str(c) for c in command], cwd=target, stdout=sys.stderr, **more)
    if made.returncode:
        print(f"{what}: left out, {command[0]} failed", file=sys.stderr)
    return made.returncode == 0


def engines(wanted, work, data):
    """Builds what is needed and returns the engines, the wanted ones alone. A name
    stands for all that begin with it and a dash.
    """

    def asked(name):
        return not wanted or any(name == w or name.startswith(w + "-") for w in wanted)

    def maybe(prefix):
        return not wanted or any(w.split("-")[0] == prefix for w in wanted)

    made = []
    if maybe("coldstream") or maybe("gonum"):
        binary = work / "engine"
        if not build(REPOSITORY, ["go", "build", "-o", binary, "./bench/peers/engine"], "coldstream"):
            raise SystemExit("bench/peers: coldstream does not build")
        kernels = subprocess.run([binary, "-list"], capture_output=True, text=True, check=True).stdout.split()
        for k in kernels:
            if k == "go":  # the plain twin, there to compare bits with
                continue
            name = k if k == "gonum" else "coldstream-" + k
            made.append(Engine(name, [binary, "-kernels", k, data], kernels=k, all_steps=False))
            made.append(Engine(name + "-allsteps", [binary, "-kernels", k, "-padskip=false", data], kernels=k))
            if k != "gonum":
                made.append(Engine(name + "-int8", [binary, "-kernels", k, "-int8", data], int8=True, kernels=k, all_steps=False))
    for name in PYTHON:
        made.append(Engine(name, [sys.executable, HERE / "worker.py", name, data], int8=name.endswith("-int8")))
    if asked("tract"):
        target = work / "tract"
        command = ["cargo", "build", "--release", "--locked", "--target-dir", target]
        if build(HERE / "tract", command, "tract"):
            made.append(Engine("tract", [target / "release" / "peers-tract", data]))
    return [e for e in made if asked(e.name)]


def roof_binary(work):
    """Builds the benchmarks of the kernels; None if that fails."""
    binary = work / "roof.test"
    return binary if build(REPOSITORY, ["go", "test", "-c", "-o", binary, "./lstm/internal/kernel"], "roofs") else None


class Failed(Exception):
    """An answer that begins with error, or none at all."""


class Process:
    """A worker that runs."""

    def __init__(self, engine, logs):
        logs.mkdir(parents=True, exist_ok=True)
        self.engine = engine
        self.log = open(logs / (engine.name + ".log"), "w")
        self.process = subprocess.Popen(
            [str(c) for c in engine.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            bufsize=1,
            env=os.environ | {"GOMAXPROCS": "1"},
        )
        try:
            self.version = self.answer("ready")
        except Failed:
            self.close()
            raise

    def answer(self, expected):
        line = self.process.stdout.readline().strip()
        word, _, rest = line.partition(" ")
        if word != expected:
            raise Failed(rest if word == "error" else f"no answer, see {Path(self.log.name).name}")
        return rest

    def ask(self, line, expected):
        try:
            print(line, file=self.process.stdin)
        except BrokenPipeError:
            pass  # there is no answer then
        return self.answer(expected)

    def load(self, net):
        self.ask(f"load {net}", "ok")

    def check(self, net, batch, path, limit=0):
        self.ask(f"check {net} {batch} {path} {limit}", "ok")

    def run(self, net, batch, limit=0):
        """Returns nanoseconds per call, and the number of calls."""
        ns, calls = self.ask(f"run {net} {batch} {limit}", "ns").split()
        return int(ns) / int(calls), int(calls)

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (subprocess.TimeoutExpired, OSError):
            self.process.kill()
            self.process.wait()
        self.log.close()
