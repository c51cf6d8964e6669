"""System calls of a process: watched, made to fail, or made to be its last, with strace."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed (apt-get install strace)"
)

FAMILIES = {
    "write": "write,pwrite64,writev,pwritev",
    "fsync": "fsync",
    "fdatasync": "fdatasync",
    "rename": "rename,renameat,renameat2",
    "unlink": "unlink,unlinkat",
    "mkdir": "mkdir,mkdirat",
    "link": "link,linkat",
    "open": "open,openat,creat",
    "truncate": "truncate,ftruncate",
}
"""System calls that do the same by different names."""


def watching(output: Path, calls: str, *options: str) -> list[str]:
    """The command that has strace write the calls of the command behind it to *output*."""
    base = ["strace", "-f", "--seccomp-bpf", "-qqq", "-y", "-e", "signal=none", "-s", "256", "-e", f"trace={calls}"]
    return [*base, *options, "-o", str(output)]


def injecting(calls: str, what: str, *, paths: Sequence[Path] = ()) -> list[str]:
    """The command that does *what* (as in ``signal=KILL:when=3``) to *calls*, on some *paths* only where given.

    Calls are counted in each thread for itself. (With ``--seccomp-bpf`` strace sends no signals.)
    """
    command = ["strace", "-f", "-qqq", "-e", "signal=none", "-e", f"trace={calls}", "-e", f"inject={calls}:{what}"]
    for path in paths:
        command += ["-P", str(path)]
    return [*command, "-o", "/dev/null"]
