"""Run one child process and print what it cost; the harness starts a fresh one of these for every sample.

A process of its own, because a child's peak memory as the kernel reports it starts at that of its parent:
this one stays small, whatever the harness has in memory.
"""

import json
import os
import sys
import time


def main(folder: str, argv: list[str]) -> None:
    """Run *argv* with its output in *folder* and print seconds, peak memory and exit code as JSON."""
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, f"{folder}/stdout", write, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, f"{folder}/stderr", write, 0o600),
    ]
    started = time.perf_counter()
    child = os.posix_spawn(argv[0], argv, os.environ, file_actions=streams)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    in_kib = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    cost = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": in_kib * 1024 / 1e6,
        "exit_code": os.waitstatus_to_exitcode(status),
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
