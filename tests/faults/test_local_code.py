"""E15: whatever a user's function does, its node fails with a reason, and the rest of the run goes on."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from tests.faults.harness import Project, at_once, check_sound

CODE = """
    import ctypes, os, signal, sys, threading

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("even this fails")

    def raises(): raise ValueError("the reason")
    def raises_empty(): raise ValueError
    def raises_odd(): raise Odd
    def raises_base(): raise BaseException("base")
    def raises_interrupt(): raise KeyboardInterrupt
    def raises_stop(): raise StopIteration("done")
    def raises_exit(): raise GeneratorExit
    def raises_group(): raise ExceptionGroup("several", [ValueError("one"), TypeError("two")])
    async def cancels_itself():
        import asyncio
        raise asyncio.CancelledError
    def exits(): sys.exit("bye")
    def exits_with_zero(): sys.exit(0)
    async def exits_async(): sys.exit(3)
    async def interrupts_async(): raise KeyboardInterrupt
    async def base_async(): raise BaseException("base")
    async def generator_exit_async(): raise GeneratorExit
    def not_json(): return object()
    def changes_folder():
        os.chdir("/")
        return os.getcwd()
    def endless_recursion(): return endless_recursion()
    def prints():
        print("on stdout")
        sys.stdout.write("more\\n")
        os.write(1, b"by number\\n")
        return "printed"
    def closes_streams():
        sys.stdout.close()
        return "closed"
    def breaks_thread():
        threading.Thread(target=lambda: 1 / 0).start()
        return "ok"
    def hard_exit(): os._exit(7)
    def hard_exit_with_zero(): os._exit(0)
    def crashes(): ctypes.string_at(0)
    def aborts(): os.abort()
    def killed(): os.kill(os.getpid(), signal.SIGKILL)
    def terminated(): os.kill(os.getpid(), signal.SIGTERM)
    def fine(): return 1
"""

IN_THREAD = {
    "raises": "the reason",
    "raises_empty": "ValueError",
    "raises_odd": "Odd",
    "raises_base": "base",
    "raises_interrupt": "KeyboardInterrupt",
    "raises_stop": "done",
    "raises_exit": "GeneratorExit",
    "raises_group": "several",
    "cancels_itself": "cancelled itself|CancelledError",
    "exits": "bye",
    "exits_with_zero": r"sys\.exit|SystemExit",
    "exits_async": r"sys\.exit|SystemExit",
    "base_async": "base",
    "not_json": "not JSON",
    "endless_recursion": "RecursionError|recursion",
}
WORKS = ["changes_folder", "prints", "fine"]
IN_PROCESS = {
    **IN_THREAD,
    "hard_exit": "7",
    "hard_exit_with_zero": "0|before it answered",
    "crashes": "SIGSEGV|signal 11",
    "aborts": "SIGABRT|signal 6",
    "killed": r"killed by signal 9 \(out of memory\?\)",
    "terminated": "SIGTERM|signal 15",
}


def project_of(folder: Path, names: list[str], more: str = "") -> Project:
    (folder / "steps.py").write_text(dedent(CODE))
    nodes = "".join(f"  {name}: {{agent: local://steps.{name}{more}}}\n" for name in names)
    after = '  after: {agent: local://echo, inputs: {x: "${raises.output}"}}\n' if "raises" in names else ""
    (folder / "flow.yaml").write_text(f"name: bad\nnodes:\n{nodes}{after}")
    return Project(folder)


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_every_way_to_fail_fails_one_node_with_a_reason_and_the_run_goes_on(tmp_path: Path, isolation: str) -> None:
    reasons = IN_THREAD if isolation == "thread" else IN_PROCESS
    more = ", isolation: process" if isolation == "process" else ""
    project = project_of(tmp_path, [*reasons, *WORKS], more)
    finished = project.run()
    assert finished.code == 1, finished
    kept = project.kept()
    assert kept.run is not None and kept.run.status == "failed"
    records = {record.task: record for record in kept.records}
    wrong = []
    for name, reason in reasons.items():
        record = records.get(name)
        if record is None or record.status != "failed" or record.error is None:
            wrong.append(f"{name}: {record}")
            continue
        said = f"{record.error.type}: {record.error.message}"
        if not record.error.message or not re.search(reason, said):
            wrong.append(f"{name}: {said!r} does not match {reason!r}")
    wrong += [f"{name}: {records[name]}" for name in WORKS if records[name].status != "completed"]
    assert not wrong, "\n".join(wrong)
    assert "in raises" in (records["raises"].error.traceback or "")
    assert records["after"].status == "skipped"
    assert records["after"].blocked_by == "raises"
    debug = project.binex("debug")
    assert debug.code == 0, debug
    assert "the reason" in debug.out
    check_sound(project)


def test_what_a_function_prints_does_not_get_among_the_results(tmp_path: Path) -> None:
    project = project_of(tmp_path, ["prints"])
    finished = project.run()
    assert finished.code == 0, finished
    assert finished.out == "printed\n"
    assert "by number" in finished.err


@pytest.mark.parametrize("more", ["", ", isolation: process"], ids=["thread", "process"])
def test_a_function_that_closes_stdout_does_not_take_the_results_with_it(tmp_path: Path, more: str) -> None:
    project = project_of(tmp_path, ["closes_streams"], more)
    finished = project.run()
    assert finished.code == 0, finished
    assert finished.out == "closed\n"
    assert "Traceback" not in finished.err, finished


def test_a_function_that_ends_the_whole_process_leaves_a_run_that_can_be_resumed(tmp_path: Path) -> None:
    """``os._exit`` and a crash without isolation take Binex with them, as a kill would."""
    for name in ("hard_exit", "hard_exit_with_zero", "crashes"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "steps.py").write_text(dedent(CODE))
        (folder / "flow.yaml").write_text(
            f"name: bad\nnodes:\n  fine: {{agent: local://steps.fine}}\n"
            f"  bad: {{agent: local://steps.{name}, depends_on: [fine]}}\n"
        )
        project = Project(folder)
        finished = project.run()
        assert "completed in" not in finished.err.split("bad  started")[-1], finished
        kept = project.kept()
        assert kept.run is not None
        assert kept.run.status != "completed"
        assert kept.completed == {"fine"}
        (folder / "steps.py").write_text(f"def {name}():\n    return 2\n\ndef fine():\n    return 1\n")
        assert project.binex("resume").code == 0


@pytest.mark.parametrize("name", ["interrupts_async", "generator_exit_async"])
def test_an_async_function_that_raises_what_ends_programs_never_hangs_the_run(tmp_path: Path, name: str) -> None:
    """``KeyboardInterrupt`` in the loop's own thread cannot be told from Ctrl-C, and may stop the run as that does."""
    project = project_of(tmp_path, ["fine", name])
    finished = project.run(timeout=20)
    assert finished.code in (1, 130), finished
    assert "Traceback" not in finished.err, finished
    kept = project.kept()
    assert kept.run is not None
    assert kept.run.status in ("failed", "interrupted")
    if finished.code == 130:
        assert f"binex resume {kept.run.id}" in finished.err, finished
    (tmp_path / "steps.py").write_text(f"def {name}():\n    return 2\n\ndef fine():\n    return 1\n")
    assert project.binex("resume", "--retry-failed").code == 0


MISSING = {
    "no_such_module.f": "no_such_module",
    "steps.no_such_function": "no_such_function",
    "steps.fin": "fine",
    "broken.f": "broken",
    "exiting.f": "exiting",
    "steps": "module",
    "steps.no.such": "no",
    "steps.CONSTANT": "CONSTANT",
    "..steps.f": "",
    "os.path.no": "no",
}


def test_a_function_that_is_not_there_is_named_before_anything_runs(tmp_path: Path) -> None:
    def work(name: str) -> None:
        folder = tmp_path / name.strip(".")
        folder.mkdir()
        (folder / "steps.py").write_text("CONSTANT = 1\ndef fine():\n    open('ran', 'w')\n    return 1\n")
        (folder / "broken.py").write_text("def f(:\n")
        (folder / "exiting.py").write_text("import sys\nsys.exit(0)\n")
        (folder / "flow.yaml").write_text(
            f"name: n\nnodes:\n  fine: {{agent: local://steps.fine}}\n  bad: {{agent: 'local://{name}'}}\n"
        )
        finished = Project(folder).run()
        assert finished.code == 2, finished
        assert re.search(r"flow\.yaml:4:\d+: ", finished.err), finished
        assert MISSING[name] in finished.err
        assert "Traceback" not in finished.err
        assert not (folder / "ran").exists()

    at_once(work, MISSING)
