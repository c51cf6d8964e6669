"""C1 to C7 and C9: large, many, endless, odd; and streams that are not what one expects."""

import itertools
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.faults.harness import Finished, Process, Project, at_once, check_commands, check_sound, environment

MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("used", used.ru_maxrss // 1024, used.ru_utime + used.ru_stime, file=sys.stderr)
sys.exit(code)
"""
MEASURED = [sys.executable, "-c", MEASURE]


def used(finished: Finished) -> tuple[int, float]:
    """The peak of its memory in MB, and its processor time in seconds."""
    megabytes, seconds = re.findall(r"^used (\d+) ([\d.]+)$", finished.err, re.MULTILINE)[-1]
    return int(megabytes), float(seconds)


def make(folder: Path, code: str, flow: str) -> Project:
    (folder / "steps.py").write_text(dedent(code))
    (folder / "flow.yaml").write_text(dedent(flow))
    return Project(folder)


def test_an_output_of_100_mb_is_refused_by_name_of_the_limit(tmp_path: Path) -> None:
    """C1."""
    project = make(
        tmp_path,
        "def big():\n    return 'x' * (100 * 1024 * 1024 - 2)\n",
        "name: n\nnodes:\n  a: {agent: local://steps.big}\n",
    )
    finished = project.run()
    assert finished.code == 1, finished
    assert re.search(r"\ba\b.*is 104,857,600 bytes, limit (10,485,760|10 MiB).*\(limits\.output_bytes\)", finished.err)
    assert "--limit output_bytes=" in finished.err
    assert project.run("--limit", "output_bytes=101MiB", "--quiet", "--json").code == 0


@pytest.mark.parametrize(
    ("items", "seconds", "megabytes"), [(10_000, 90, 350), pytest.param(50_000, 450, 900, marks=pytest.mark.campaign)]
)
def test_ten_thousand_items_run_in_bounded_time_and_memory(
    tmp_path: Path, items: int, seconds: int, megabytes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """C2; the last tenths take no longer than twice the first ones, by the records' own times.

    The middle one of three is compared with the middle one of three, since other programs use the machine as well.
    """
    project = make(
        tmp_path,
        f"def numbers():\n    return list(range({items}))\n\ndef work(item):\n    return item * 2\n\n"
        "def total(numbers):\n    return sum(numbers)\n",
        f"""
        name: wide
        nodes:
          numbers: {{agent: local://steps.numbers}}
          work: {{agent: local://steps.work, foreach: numbers, inputs: {{item: "${{item}}"}}, max_items: {items}}}
          end: {{agent: local://steps.total, inputs: {{numbers: "${{work.output}}"}}}}
        """,
    )
    began = time.monotonic()
    finished = project.run("--quiet", before=MEASURED, timeout=seconds * 2)
    took = time.monotonic() - began
    assert finished.code == 0, finished
    assert finished.out.strip() == str(items * (items - 1))
    peak_mb, processor_s = used(finished)
    ended = sorted(r.ended_at for r in project.kept().records if r.task.startswith("work["))
    marks = [*ended[:: items // 10], ended[-1]]
    tenths = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(marks)]
    first, last = statistics.median(tenths[:3]), statistics.median(tenths[-3:])
    with capsys.disabled():
        print(
            f"\n{items:,} items: {took:.1f} s ({processor_s:.1f} s of a processor), {peak_mb} MB,"
            f" first tenth {first:.2f} s, last {last:.2f} s"
        )
    assert took < seconds
    assert peak_mb < megabytes
    assert last <= 2 * first + 0.2


def test_a_million_items_are_refused_before_any_of_them_starts(tmp_path: Path) -> None:
    """C3."""
    project = make(
        tmp_path,
        "def numbers():\n    return [0] * 1_000_000\n\ndef work(item):\n    open('started', 'w')\n",
        """
        name: wide
        nodes:
          numbers: {agent: local://steps.numbers}
          work: {agent: local://steps.work, foreach: numbers, inputs: {item: "${item}"}}
        """,
    )
    finished = project.run()
    assert finished.code == 1, finished
    assert "max_items" in finished.err and "1,000,000" in finished.err, finished
    assert not (tmp_path / "started").exists()


def test_a_loop_is_refused_by_name_until_there_are_bounded_ones(tmp_path: Path) -> None:
    """C4: no loop can be endless as long as none can be written."""
    project = make(
        tmp_path,
        "",
        """
        name: loop
        nodes:
          a: {agent: local://echo}
          b: {agent: local://echo, depends_on: [a], back_edge: {target: a, when: "true"}}
        """,
    )
    finished = project.run()
    assert finished.code == 2, finished
    assert "back_edge" in finished.err and "not supported yet" in finished.err, finished
    project = make(tmp_path, "", "name: n\nnodes:\n  a: {agent: local://echo, depends_on: [a]}\n")
    finished = project.run()
    assert finished.code == 2, finished
    assert "a -> a" in finished.err or "itself" in finished.err, finished


RUNS = """
import asyncio, gc, os, sys
from pathlib import Path
import binex

def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def main():
    async with binex.open_session(".binex", durability="normal") as session:
        async def run(times):
            for _ in range(times):
                summary = await session.run("flow.yaml")
                assert summary.status == "completed"
        await run(400)  # until the cache of the database has its full size
        memory, files = resident(), len(os.listdir("/proc/self/fd"))
        await run(200)
        print((resident() - memory) / 200, len(os.listdir("/proc/self/fd")) - files)

asyncio.run(main())
"""


def test_two_hundred_runs_in_one_process_keep_memory_and_open_files_constant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """C6."""
    nodes = "".join(f"  n{i}: {{agent: local://steps.work, inputs: {{x: {i}}}}}\n" for i in range(10))
    project = make(tmp_path, "def work(x):\n    return [x] * 100\n", f"name: n\nnodes:\n{nodes}")
    process = Process([sys.executable, "-c", RUNS], cwd=project.folder)
    try:
        finished = process.wait(120)
    finally:
        process.close()
    assert finished.code == 0, finished
    slope, files = map(float, finished.out.split())
    with capsys.disabled():
        print(f"\n200 runs: {slope:.0f} bytes a run, {files:.0f} more open files")
    assert files <= 0
    assert slope < 2048, finished


ODD = """
    import decimal, math

    def nan(): return math.nan
    def infinite(): return [1e400]
    def surrogate(): return "a\\ud800b"
    def zero_byte(): return {"a\\0": "b\\0c"}
    def raw(): return b"bytes"
    def exact(): return decimal.Decimal("1.1")
    def names(): return {1: "a", (2, 3): "b"}
    def huge(): return 10 ** 5000
    def setlike(): return {1, 2}

    def deep():
        value = []
        for _ in range(100_000):
            value = [value]
        return value

    def circular():
        value = []
        value.append(value)
        return value

    class Odd:
        def __repr__(self): raise RuntimeError("no")

    def odd(): return Odd()
    def generator(): return (n for n in range(3))
"""
LOSSLESS = {"surrogate": "a\ud800b", "zero_byte": {"a\0": "b\0c"}, "huge": 10**5000}


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_what_is_not_json_is_kept_exactly_or_fails_its_node_with_a_reason(tmp_path: Path, isolation: str) -> None:
    """C7."""
    functions = re.findall(r"def (\w+)\(\)", ODD)
    more = ", isolation: process" if isolation == "process" else ""
    nodes = "".join(f"  {name}: {{agent: local://steps.{name}{more}}}\n" for name in functions)
    (tmp_path / "steps.py").write_text(dedent(ODD))
    (tmp_path / "flow.yaml").write_text(
        f"name: odd\nnodes:\n{nodes}  fine: {{agent: local://echo, inputs: {{a: 1}}}}\n"
    )
    project = Project(tmp_path)
    finished = project.run("--json")
    assert finished.code == 1, finished
    assert "Traceback" not in finished.err, finished
    records = {record.task: record for record in project.kept().records}  # reads and verifies every artifact
    assert records["fine"].status == "completed"
    for name in functions:
        record = records[name]
        if record.status == "completed":
            assert name in LOSSLESS, f"{name} cannot have been kept"
            shown = project.binex("artifacts", "show", name, "--json")
            assert shown.code == 0, shown
            sys.set_int_max_str_digits(0)
            try:
                assert json.loads(shown.out)["content"] == LOSSLESS[name]
            finally:
                sys.set_int_max_str_digits(4300)
        else:
            assert record.error is not None
            assert re.search(r"not JSON|cannot be kept|deep|nested", record.error.message), record.error
    check_commands(project, ["debug"], ["debug", "--json"], ["artifacts", "list"], ["doctor"])


# --- C9 -----------------------------------------------------------------------------------------------------


def shell(project: Project, script: str, **env: str) -> Finished:
    """Run *script* with ``$BINEX`` standing for the command."""
    process = Process(
        ["/bin/sh", "-c", script],
        cwd=project.folder,
        env=environment(BINEX=f"{sys.executable} -m binex", BINEX_DIR=str(project.store), **env),
    )
    try:
        return process.wait()
    finally:
        process.close()


STREAMS = {
    "stdout closed after a line": "$BINEX run flow.yaml | head -1",
    "stdout closed at once": "$BINEX run flow.yaml | true",
    "stdout closed": "$BINEX run flow.yaml >&-",
    "stderr closed": "$BINEX run flow.yaml 2>&-",
    "both closed": "$BINEX run flow.yaml >&- 2>&-",
    "all closed": "$BINEX run flow.yaml >&- 2>&- <&-",
    "stdin closed": "$BINEX run flow.yaml <&-",
    "stderr's reader gone": "($BINEX run flow.yaml 3>&1 1>&2 2>&3 3>&-) | true",
    "stdout full": "$BINEX run flow.yaml > /dev/full",
    "stderr full": "$BINEX run flow.yaml 2> /dev/full",
}


def test_a_stream_that_is_closed_or_full_does_not_end_the_run(
    make_project: Callable[..., Project], expected: Any
) -> None:
    """C9."""

    def work(name: str) -> None:
        project = make_project(name, pace_s=0)
        finished = shell(project, STREAMS[name])
        assert finished.code == (3 if name == "stdout full" else 0), finished
        assert "Traceback" not in finished.err and "Exception ignored" not in finished.err, finished
        kept = project.kept()
        assert kept.run is not None
        assert kept.run.status == "completed"
        assert project.outputs() == expected
        check_sound(project)

    at_once(work, STREAMS)


ODD_ENVIRONMENTS: list[dict[str, str]] = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"COLUMNS": "40", "TERM": "unknown-thing"},
    {"COLUMNS": "abc", "LINES": "-1", "FORCE_COLOR": "1"},
    {"HOME": "/nonexistent", "TZ": "Nowhere/Atall"},
]


def test_an_odd_environment_changes_nothing_that_matters(tmp_path: Path) -> None:
    """C9."""

    def work(env: dict[str, str]) -> None:
        folder = tmp_path / "-".join(env)
        folder.mkdir()
        project = make(
            folder,
            "def text():\n    return 'Grüße — 日本語 ✓ ' * 20\n\ndef fails():\n    raise ValueError('Ü ✗ ' * 50)\n",
            'name: "odd ✓"\nnodes:\n  text: {agent: local://steps.text}\n  fails: {agent: local://steps.fails}\n',
        )
        finished = shell(project, "$BINEX run flow.yaml", **env)
        assert finished.code == 1, finished
        for command in ("debug", "trace", "artifacts show text", "validate flow.yaml"):
            shown = shell(project, f"$BINEX {command}", **env)
            assert shown.code == 0, shown
            assert "Traceback" not in shown.err, shown

    at_once(work, ODD_ENVIRONMENTS)


def test_a_current_folder_that_is_gone_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {gone} && rmdir {gone} && {sys.executable} -m binex runs"
    done = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, timeout=30, check=False, env=environment()
    )
    assert done.returncode in (2, 3), done
    assert "Traceback" not in done.stderr, done.stderr
