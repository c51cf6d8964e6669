"""Closed pipes, full disks, old locales: no traceback, and the run goes on."""

import os
import subprocess
from pathlib import Path

import pytest

from binex.cli.main import report
from binex.errors import (
    BinexError,
    DamagedDataError,
    Fault,
    InputError,
    LostLeaseError,
    RunError,
    RunOwnedError,
    StoreDamagedError,
    StoreError,
    StoreVersionError,
    WorkflowError,
)
from tests.cli.conftest import TIMEOUT_S, Shell, environment

MANY = """
inputs: {n: {type: array, default: [0]}}
nodes:
  a: {agent: "local://steps.give", foreach: "${user.n}", inputs: {value: "${item}"}, max_items: 1000}
"""


def shell_line(shell: Shell, line: str, **env: str) -> tuple[int, str, str]:
    """A line in a real shell, in which ``$BINEX`` is the program."""
    binex = " ".join(shell.command())
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=shell.folder,
        env=environment(BINEX=binex, **env),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def statuses(shell: Shell) -> list[str]:
    return [run["status"] for run in shell("runs", "--json").json()["runs"]]


def test_nobody_reading_the_result_is_no_failure(shell: Shell) -> None:
    shell("run", "good.yaml", "--var", "text=" + "line\n" * 5000, "-q")
    for command in ("run good.yaml", "artifacts show latest~1 b", "debug --json", "--help"):
        code, out, err = shell_line(shell, f"$BINEX {command} | head -1")
        assert code == 0, command
        assert len(out.splitlines()) == 1
        assert "Traceback" not in err
        assert "Broken" not in err
    assert statuses(shell)[0] == "completed"


def test_nobody_reading_the_progress_does_not_end_the_run(shell: Shell) -> None:
    shell.write("many.yaml", MANY)
    numbers = "[" + ",".join(map(str, range(300))) + "]"
    code, _, _ = shell_line(shell, f"$BINEX run many.yaml --var n='{numbers}' 2>&1 >/dev/null | head -1")
    assert code == 0
    assert statuses(shell) == ["completed"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "</dev/null >/dev/null 2>/dev/null"])
def test_closed_streams_do_not_end_the_run_nor_harm_the_store(shell: Shell, closed: str) -> None:
    shell.write("loud.yaml", 'nodes: {a: {agent: "local://steps.loud", inputs: {value: result}}}')
    code, _, err = shell_line(shell, f"$BINEX run loud.yaml {closed}")
    assert code == 0, err
    assert statuses(shell) == ["completed"]
    assert shell("artifacts", "show", "a").out == "result\n"
    assert b"printed by" not in (shell.folder / ".binex" / "binex.db").read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_under_the_result_is_told(shell: Shell) -> None:
    code, _, err = shell_line(shell, "$BINEX run good.yaml > /dev/full")
    assert code == 3
    assert "Error: cannot write the result: No space left on device" in err
    assert statuses(shell) == ["completed"]
    code, _, _ = shell_line(shell, "$BINEX run good.yaml 2> /dev/full")
    assert code == 0


@pytest.mark.parametrize(
    "env", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}]
)
def test_old_locales_get_plain_signs_and_escapes(shell: Shell, env: dict[str, str]) -> None:
    code, out, err = shell_line(shell, "$BINEX run good.yaml --var text='\u4f60\u597d'", **env)
    assert code == 0
    assert out in ("\u4f60\u597d\n", "\\u4f60\\u597d\n")
    for command in ("runs", "trace", "debug", "run bad.yaml"):
        code, out, err = shell_line(shell, f"$BINEX {command}", **env)
        assert code in (0, 1)
        assert "Traceback" not in err
        assert not set("\u2713\u2717\u2501\u2192") & set(out + err)


@pytest.mark.parametrize("columns", ["1", "40", "500"])
def test_any_width_will_do(shell: Shell, columns: str) -> None:
    assert shell_line(shell, "$BINEX run bad.yaml", COLUMNS=columns)[0] == 1
    for command in ("runs", "trace", "trace --items", "debug", "artifacts list", "--help"):
        code, out, err = shell_line(shell, f"$BINEX {command}", COLUMNS=columns)
        assert (code, err) == (0, "")
        assert out


def test_without_a_terminal_there_are_no_colours_unless_asked_for(shell: Shell) -> None:
    _, out, err = shell_line(shell, "$BINEX run bad.yaml; $BINEX trace")
    assert "\u001b" not in out + err
    _, out, err = shell_line(shell, "$BINEX trace", FORCE_COLOR="1")
    assert "\u001b[31m" in out


EXITS: list[tuple[BaseException, int, str]] = [
    (BinexError("no"), 1, "Error: no\n"),
    (RunError("no"), 1, "Error: no\n"),
    (RunOwnedError("no", fix="wait"), 1, "Error: no\n  fix: wait\n"),
    (InputError("no\u001b"), 2, "Error: no\\x1b\n"),
    (StoreError("no"), 3, "Error: no\n"),
    (StoreDamagedError("no"), 3, "Error: no\n"),
    (StoreVersionError("no"), 3, "Error: no\n"),
    (LostLeaseError("no"), 3, "Error: no\n"),
    (DamagedDataError("no"), 4, "Error: no\n"),
    (ExceptionGroup("group", [ExceptionGroup("group", [DamagedDataError("no")])]), 4, "Error: no\n"),
    (MemoryError(), 3, "Error: out of memory\n  fix: give the process more memory, or less to do at a time\n"),
    (
        RuntimeError("can't start new thread"),
        3,
        "Error: the machine gives no more threads\n  fix: raise its limit (ulimit -u), or do less at a time\n",
    ),
    (OSError(24, "Too many open files", "x"), 3, "Error: cannot use 'x': Too many open files\n"),
    (
        WorkflowError("2 faults", file="f.yaml", faults=[Fault("no", 1, 2, "yes"), Fault("none")]),
        2,
        "Error: f.yaml:1:2: no\n  fix: yes\nError: f.yaml: none\n",
    ),
]


@pytest.mark.parametrize(("error", "code", "text"), EXITS, ids=lambda one: type(one).__name__)
def test_every_error_has_its_exit_code_and_its_words(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == code
    assert capsys.readouterr().err == text


def test_an_error_of_our_own_is_kept_in_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.delenv("BINEX_DEBUG", raising=False)
    assert report(ZeroDivisionError("oh")) == 70
    said = capsys.readouterr().err
    assert said.startswith("Error: internal error: ZeroDivisionError: oh\n")
    assert "Traceback" not in said
    (kept,) = tmp_path.iterdir()
    assert str(kept) in said
    assert "ZeroDivisionError: oh" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600

    monkeypatch.setenv("BINEX_DEBUG", "1")
    assert report(ZeroDivisionError("oh")) == 70
    assert capsys.readouterr().err == "ZeroDivisionError: oh\n\n"
    assert os.listdir(tmp_path) == [kept.name]  # noqa: PTH208 - names are enough
