"""Functions in processes of their own: whatever they do, only their task is harmed, and nothing is left of them."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from binex.adapters.local_process import environment
from binex.errors import AgentError, ProcessDiedError, RemoteCodeError
from tests.adapters.workbench import Workbench


async def until(condition: Callable[[], bool]) -> None:
    """Let things go on until *condition* holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not fetched yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def numbers_in(file: Path, count: int) -> list[int]:
    """The process ids in *file*, when all are there."""
    await until(lambda: file.exists() and len(file.read_text().split("\n")) > count)
    return [int(line) for line in file.read_text().split()]


WITH_FAMILY = """
    import os, signal, subprocess, sys, time
    from pathlib import Path

    def family(file, stubborn=False):
        if stubborn:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        forked = os.fork()
        if forked == 0:
            time.sleep(600)
        Path(file).write_text(f"{os.getpid()}\\n{child.pid}\\n{forked}\\n")
        time.sleep(600)

    def leave_some(file):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        forked = os.fork()
        if forked == 0:
            time.sleep(600)
        Path(file).write_text(f"{os.getpid()}\\n{child.pid}\\n{forked}\\n")
        return "answered"
"""


async def test_a_function_runs_in_a_process_and_session_of_its_own(bench: Workbench) -> None:
    bench.write("""
        import os, helper
        def f(n): return [n + 1, os.getpid(), os.getsid(0), helper.VALUE]
        async def later(n): return [n + 1, os.getpid(), os.getsid(0), helper.VALUE]
    """)
    bench.write("VALUE = 'helped'", "helper.py")
    for function in ("steps.f", "steps.later"):
        match await bench.value_of(function, {"n": 1}, isolated=True):
            case [2, int(pid), int(session), "helped"]:
                assert pid != os.getpid()
                assert session != os.getsid(0)
            case other:
                pytest.fail(f"{other}")


async def test_an_exception_arrives_with_its_type_and_the_users_traceback(bench: Workbench) -> None:
    bench.write("""
        def inner(): raise KeyError("plan")
        def f():
            try:
                inner()
            except KeyError as error:
                raise ValueError("no plan") from error
    """)
    with pytest.raises(RemoteCodeError, match="no plan") as caught:
        await bench.value_of("steps.f", isolated=True)
    assert caught.value.type_name == "ValueError"
    assert caught.value.is_retryable
    assert "in inner" in caught.value.traceback
    assert "direct cause" in caught.value.traceback
    assert "binex" not in caught.value.traceback


async def test_sys_exit_is_told_apart_from_a_dead_process(bench: Workbench) -> None:
    bench.write("import sys\ndef f(): sys.exit(3)")
    with pytest.raises(RemoteCodeError, match=r"called sys.exit\(3\)"):
        await bench.value_of("steps.f", isolated=True)


async def test_a_fork_that_comes_back_from_the_function_does_not_answer_for_it(bench: Workbench) -> None:
    bench.write("""
        import os
        def f():
            child = os.fork()
            if child == 0:
                raise ValueError("in the fork")
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    """)
    assert await bench.value_of("steps.f", isolated=True) == 0


async def test_an_error_that_must_not_be_retried_stays_one(bench: Workbench) -> None:
    bench.write("""
        from binex.errors import AgentError
        def f(): raise AgentError("refused", fix="ask nicely", is_retryable=False, retry_after_ms=5)
    """)
    with pytest.raises(AgentError, match="refused") as caught:
        await bench.value_of("steps.f", isolated=True)
    assert (caught.value.is_retryable, caught.value.retry_after_ms, caught.value.fix) == (False, 5, "ask nicely")
    with pytest.raises(AgentError, match="has no function 'g'") as caught:
        await bench.value_of("steps.g", isolated=True)
    assert not caught.value.is_retryable


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("os._exit(3)", "process exited with code 3 before it answered"),
        ("os._exit(0)", "process exited with code 0 before it answered"),
        ("ctypes.string_at(0)", "process killed by signal 11 (SIGSEGV)"),
        ("os.kill(os.getpid(), 9)", "process killed by signal 9 (out of memory?)"),
        ("os.abort()", "process killed by signal 6 (SIGABRT)"),
        ("os.killpg(0, 9)", "process killed by signal 9 (out of memory?)"),
        ("os.closerange(3, 200) or os._exit(4)", "process exited with code 4 before it answered"),
    ],
)
async def test_a_process_that_dies_fails_its_task_and_says_how(bench: Workbench, code: str, message: str) -> None:
    bench.write(f"import ctypes, os\ndef f(): {code}")
    with pytest.raises(ProcessDiedError) as caught:
        await bench.value_of("steps.f", isolated=True)
    assert caught.value.message == message
    if "SIG" in message:
        assert str(bench.folder / "steps.py") in caught.value.traceback, "where it crashed is known"


async def test_a_large_answer_and_large_inputs_pass(bench: Workbench) -> None:
    bench.write("def f(text): return text * 3")
    text = "ä" * 1_000_000
    assert await bench.value_of("steps.f", {"text": text}, isolated=True) == text * 3


async def test_what_a_process_prints_goes_to_stderr(bench: Workbench, capfd: pytest.CaptureFixture[str]) -> None:
    bench.write("import os\ndef f(): print('printed', end='')\ndef g(): os.system('echo by a child')")
    await bench.value_of("steps.f", isolated=True)
    await bench.value_of("steps.g", isolated=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "printed" in err
    assert "by a child" in err


async def test_a_process_sees_only_what_it_may_of_the_environment(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_KEY", "secret")
    monkeypatch.setenv("ASKED_FOR", "given")
    monkeypatch.setenv("LC_TIME", "C")
    bench.write("import os\ndef f(): return dict(os.environ)")
    made = await bench.made_by("steps.f", isolated=True, config={"env": ["ASKED_FOR", "NOT_THERE"]})
    seen = made["output"]
    assert isinstance(seen, dict)
    assert (seen["ASKED_FOR"], seen["LC_TIME"], seen["PATH"]) == ("given", "C", os.environ["PATH"])
    assert "CANARY_KEY" not in seen
    assert environment({"OPENAI_API_KEY": "x", "HOME": "/h", "PYTHONSTARTUP": "x"}, []) == {"HOME": "/h"}


async def test_modules_and_working_directory_of_the_process_are_its_own(bench: Workbench) -> None:
    bench.write("import os\ndef f():\n    os.chdir('/')\n    return os.getcwd()")
    before = Path.cwd()
    assert await bench.value_of("steps.f", isolated=True) == "/"
    assert Path.cwd() == before


@pytest.mark.parametrize("stubborn", [False, True])
async def test_a_cancelled_process_is_ended_with_all_its_children(bench: Workbench, stubborn: bool) -> None:
    bench.write(WITH_FAMILY)
    file = bench.folder / "pids"
    call = asyncio.create_task(bench.value_of("steps.family", {"file": str(file), "stubborn": stubborn}, isolated=True))
    family = await numbers_in(file, 3)
    assert all(map(is_alive, family))
    call.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await call
    await until(lambda: not any(map(is_alive, family)))


async def test_a_function_that_asks_for_it_may_tidy_up_when_it_is_told_to_stop(bench: Workbench) -> None:
    bench.write("""
        import signal, sys, time
        from pathlib import Path
        def f(file):
            def tidy(*_):
                Path(file + ".tidied").touch()
                sys.exit()
            signal.signal(signal.SIGTERM, tidy)
            Path(file).touch()
            time.sleep(600)
    """)
    file = bench.folder / "ready"
    call = asyncio.create_task(bench.value_of("steps.f", {"file": str(file)}, isolated=True))
    await until(file.exists)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (bench.folder / "ready.tidied").exists()


async def test_nothing_is_left_of_a_process_that_answered(bench: Workbench) -> None:
    bench.write(WITH_FAMILY)
    file = bench.folder / "pids"
    assert await bench.value_of("steps.leave_some", {"file": str(file)}, isolated=True) == "answered"
    family = await numbers_in(file, 3)
    await until(lambda: not any(map(is_alive, family)))


async def test_nothing_is_left_when_binex_is_killed(tmp_path: Path) -> None:
    script = """
        import asyncio, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        from tests.adapters.workbench import Workbench
        bench = Workbench(Path(sys.argv[1]))
        asyncio.run(bench.value_of("steps.family", {"file": sys.argv[1] + "/pids", "stubborn": True}, isolated=True))
    """
    bench = Workbench(tmp_path / "flow")
    bench.write(WITH_FAMILY)
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(bench.folder), str(root)], stderr=subprocess.DEVNULL
    ) as binex:
        family = await numbers_in(bench.folder / "pids", 3)
        binex.send_signal(signal.SIGKILL)
    await until(lambda: not any(map(is_alive, family)))


async def test_processes_leave_neither_threads_nor_files_open(bench: Workbench) -> None:
    bench.write("import os\ndef f(): pass\ndef die(): os._exit(1)")
    await bench.value_of("steps.f", isolated=True)
    files, threads = open_files(), set(threading.enumerate())
    await bench.value_of("steps.f", isolated=True)
    with pytest.raises(ProcessDiedError):
        await bench.value_of("steps.die", isolated=True)
    assert open_files() == files
    assert set(threading.enumerate()) <= threads


async def test_a_process_that_cannot_be_started_names_the_limit(bench: Workbench) -> None:
    import resource

    bench.write("def f(): pass")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files() + 1, hard))
    try:
        with pytest.raises(AgentError, match="no process can be started: Too many open files") as caught:
            await bench.value_of("steps.f", isolated=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.fix is not None
    assert "ulimit -n" in caught.value.fix
