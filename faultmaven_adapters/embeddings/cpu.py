"""What this machine's processor offers."""

import os
from pathlib import Path

#: Instructions that multiply unsigned by signed bytes into 32 bits. Without them the products are added in 16 bits and
#: may saturate, so the vectors would no longer be the model's.
DOT_PRODUCTS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


def multiplies_bytes(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether int8 models are exact and fast here; False where it cannot be known."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2] for line in lines if line.startswith("flags")), "")
    return not DOT_PRODUCTS.isdisjoint(flags.split())


def usable_cpus(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """The processors this process may keep busy: its affinity, and its container's share (cgroup v2), at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text(encoding="ascii").split()
        return affinity if share == "max" else max(1, min(affinity, round(int(share) / int(period))))
    except (OSError, ValueError):
        return affinity
