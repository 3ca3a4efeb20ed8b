"""What is known of the machine, for the head of the tables."""

import os
import platform
from pathlib import Path

FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "asimd", "asimddp", "i8mm", "sve", "sve2")


def describe(pinned):
    info = fields("/proc/cpuinfo")
    have = info.get("flags", info.get("Features", "")).split()
    caches = {level: cache(pinned, level) for level in ("L1 Data", "L2", "L3")}
    return {
        "goos": "linux",
        "goarch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "cpu": cpu_name(info),
        "cores": os.cpu_count(),
        "flags": " ".join(f for f in FLAGS if f in have) or "no vector flags known",
        "l1d": size_text(caches["L1 Data"]),
        "l2": size_text(caches["L2"]),
        "l3": size_text(caches["L3"]),
        "l2_bytes": caches["L2"],
        "system": f"Linux {platform.release().split('-')[0]}, Python {platform.python_version()}",
        "pinned": pinned,
    }


def fields(path):
    found = {}
    try:
        for line in Path(path).read_text().splitlines():
            name, _, value = line.partition(":")
            found.setdefault(name.strip(), value.strip())
    except OSError:
        pass
    return found


def cpu_name(info):
    if "model name" in info:
        return f"{info['model name']} (family {info.get('cpu family')} model {info.get('model')})"
    return f"implementer {info.get('CPU implementer')} part {info.get('CPU part')}"


def cache(cpu, level):
    """Returns the bytes of a cache, such as "L1 Data"; 0 if they are not known."""
    number, _, kind = level.removeprefix("L").partition(" ")
    for folder in Path(f"/sys/devices/system/cpu/cpu{cpu}/cache").glob("index*"):
        try:
            right = (folder / "level").read_text().strip() == number
            right = right and (folder / "type").read_text().strip() in (kind or "Unified", "Unified")
            if right:
                return int((folder / "size").read_text().strip().removesuffix("K")) * 1024
        except (OSError, ValueError):
            pass
    return 0


def size_text(size):
    return f"{size // 1024} KB" if 0 < size < 4 << 20 else f"{size >> 20} MB" if size else "unknown"


def ticks():
    """Returns the time that the host took from this machine, and all time."""
    try:
        values = [int(v) for v in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return values[7], sum(values)
    except (OSError, IndexError, ValueError):
        return 0, 0
