"""Says on what the figures were taken: machine, file system and versions, without any path or name of it."""

import datetime
import os
import platform
import sqlite3
from pathlib import Path

from benchmarks.harness import RESULTS
from benchmarks.venvs import PEERS


def about() -> dict[str, str]:
    """Date, machine and versions, as they stand under the table."""
    now = datetime.datetime.now(tz=datetime.UTC)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    machine = f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, {_file_system()}"
    peers = ", ".join(requirement for requirements in PEERS.values() for requirement in requirements)
    return {
        "date": f"{now:%Y-%m-%d %H:%M} UTC at a load of {os.getloadavg()[0]:.1f}",
        "machine": f"{machine}, {platform.system()} {platform.release().split('-')[0]}",
        "versions": f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {peers}",
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _file_system() -> str:
    """The type of the file system that the stores are on."""
    mounts = Path("/proc/mounts")
    if not mounts.is_file():
        return "unknown file system"
    here = str(RESULTS.resolve())
    kinds = [line.split()[1:3] for line in mounts.read_text().splitlines()]
    fitting = [(point, kind) for point, kind in kinds if here.startswith(point.rstrip("/") + "/")]
    return max(fitting, key=lambda mount: len(mount[0]), default=("", "unknown"))[1]
