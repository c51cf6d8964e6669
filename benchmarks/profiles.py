"""Runs one of our commands under the profiler and keeps the lines that matter."""

import io
import pstats
import subprocess

from benchmarks.harness import RESULTS, Command, run_once
from benchmarks.venvs import our_program


def profile_of(command: Command, lines: int = 15) -> str:
    """Where *command* spends its time, function by function, in the main thread: the profiler sees no other."""
    file = RESULTS / "tmp" / "profile"
    profiled = Command(
        (our_program("python"), "-m", "cProfile", "-o", str(file), *command.argv),
        command.cwd,
        command.env,
        command.fresh,
    )
    try:
        run_once(profiled)
    except (RuntimeError, subprocess.SubprocessError) as error:
        return f"no profile: {error}"
    text = io.StringIO()
    pstats.Stats(str(file), stream=text).strip_dirs().sort_stats("tottime").print_stats(lines)
    report = text.getvalue()
    header = next((line.strip() for line in report.splitlines() if "function calls" in line), "")
    _, _, table = report.partition("ncalls")
    return f"{header}\n  ncalls{table.rstrip()}"
