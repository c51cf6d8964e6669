"""Making room: what is shown, what is asked, what goes, and what is said about it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.cli.test_breakpoints import Terminal


@pytest.fixture
def runs(shell: Shell) -> list[str]:
    """The ids of two good runs, a failed one, and a replay of the second; oldest first."""
    for file in ("good.yaml", "good.yaml", "bad.yaml"):
        shell("run", file, "-q", "--durability", "normal")
    shell("replay", "good", "-q")
    return [run["id"] for run in reversed(shell("runs", "--json").json()["runs"])]


def left(shell: Shell) -> list[str]:
    return [run["id"] for run in reversed(shell("runs", "--json").json()["runs"])]


# --- keep -----------------------------------------------------------------------------------------------------


def test_a_kept_run_is_found_by_its_name(shell: Shell, runs: list[str]) -> None:
    said = shell("keep", runs[0], "--as", "baseline")
    assert (said.code, said.out) == (0, f"run {runs[0]} (good) is kept as 'baseline'\n")
    assert shell("debug", "baseline", "--json").json()["run"]["id"] == runs[0]
    assert "baseline" in shell("keep").out and runs[0] in shell("keep").out
    moved = shell("keep", "good", "--as", "baseline", "--json").json()
    assert (moved["run"]["id"], moved["moved_from"]) == (runs[3], runs[0])
    assert len(shell("keep", "--json").json()["kept"]) == 2
    assert shell("keep", "baseline", "--undo").out == f"run {runs[3]} (good) is kept no longer\n"
    assert shell("debug", "baseline").code == 2


@pytest.mark.parametrize("name", ["latest", "a b", "", "x" * 65, "good", "../up", "1p9eezj3e678"])
def test_a_name_that_means_something_else_is_refused(shell: Shell, runs: list[str], name: str) -> None:
    said = shell("keep", runs[0], "--as", name)
    assert said.code == 2 and "fix:" in said.err and not said.out
    assert shell("keep", "--json").json()["kept"] == []


def test_a_name_with_which_an_id_begins_is_told_apart(shell: Shell, runs: list[str]) -> None:
    assert shell("keep", runs[0], "--as", runs[0][:4]).code == 2
    assert shell("keep", runs[0], "--undo").code == 2
    assert shell("keep", "--as", "x").code == 2
    assert shell("keep", runs[0], "--as", "x", "--undo").code == 2
    assert shell("keep", "nothing").code == 2


def test_a_replay_that_is_named_is_meant_itself(shell: Shell, runs: list[str]) -> None:
    shell("keep", runs[3], "--as", "copy")
    shell("replay", "copy", "-q")
    assert shell("runs", "--json").json()["runs"][0]["origin"]["parent"] == runs[3]


# --- du -------------------------------------------------------------------------------------------------------


def test_du_shows_what_there_is_and_its_parts_add_up(shell: Shell, runs: list[str]) -> None:
    usage = shell("du", "--json").json()
    unneeded = usage["unneeded"]
    parts = [usage[kind] for kind in ("rows", "artifacts", "bodies", "shared_rows", "other")]
    assert abs(sum(parts) + sum(unneeded.values()) - usage["total"]) < 100
    assert {run["id"] for run in usage["runs"]} == set(runs)
    assert [one["runs"] for one in usage["workflows"]] == [3, 1]
    said = shell("du", "-n", "1")
    assert "3 smaller runs" in said.out and "files of artifacts" in said.out


def test_du_of_one_run_says_whom_it_binds(shell: Shell, runs: list[str]) -> None:
    assert shell("du", runs[3], "--json").json()["needs"] == [runs[1]]
    assert f"needed by run {runs[3]}" in shell("du", runs[1]).out
    assert "gives" in shell("du", runs[0]).out
    assert shell("du", "nothing").code == 2


# --- clean ----------------------------------------------------------------------------------------------------


def test_in_a_pipe_the_plan_is_shown_and_nothing_goes_without_yes(shell: Shell, runs: list[str]) -> None:
    shell("keep", runs[0])
    said = shell.process("clean", "--keep-last", "0")
    assert said.code == 2
    assert "3 runs go" in said.out and "1 kept" in said.out and "1 run stays, replayable as before" in said.out
    assert "--yes" in said.err
    assert left(shell) == runs


def test_a_dry_run_shows_the_plan_alone(shell: Shell, runs: list[str]) -> None:
    report = shell("clean", "--keep-last", "1", "--dry-run", "--json").json()
    assert report["is_done"] is False
    assert [run["id"] for run in report["plan"]["runs"]] == [runs[0], runs[2]]
    assert report["plan"]["protected"] == [
        {"id": runs[1], "workflow": "good", "why": "needed", "name": "", "needed_by": runs[3]}
    ]
    assert left(shell) == runs


def test_what_goes_is_gone_and_what_stays_is_sound(shell: Shell, runs: list[str]) -> None:
    said = shell("clean", "--status", "failed", "--yes")
    assert said.code == 0 and "removed 1 run;" in said.out
    report = shell("clean", runs[0], "--yes", "--json").json()
    assert report["is_done"] and [run["id"] for run in report["plan"]["runs"]] == [runs[0]]
    assert left(shell) == [runs[1], runs[3]]
    assert shell("doctor").code == 0
    assert shell("replay", runs[1]).code == 0
    assert shell("debug", runs[0]).code == 2


def test_every_condition_narrows_what_goes(shell: Shell, runs: list[str]) -> None:
    def going(*options: str) -> list[str]:
        plan = shell("clean", *options, "--dry-run", "--json").json()["plan"]
        return [run["id"] for run in plan["runs"]]

    assert going() == []
    assert going("--older-than", "30d") == []
    assert going("--older-than", "2100-01-01") == [runs[0], runs[2], runs[3], runs[1]]
    assert going("--workflow", "bad") == [runs[2]]
    assert going("--workflow", "good", "--status", "failed") == []
    assert going("--keep-last", "1", "--per-workflow") == [runs[0]]
    assert going("--max-size", "1GiB") == []
    assert going("--max-size", "0", runs[2]) == [runs[2]]


def test_a_store_that_stays_too_large_is_told(shell: Shell, runs: list[str]) -> None:
    for run in runs:
        shell("keep", run)
    said = shell("clean", "--max-size", "1k", "--dry-run")
    assert "stays larger than was asked for" in said.out


@pytest.mark.parametrize(
    "options",
    [
        ("--older-than", "soon"),
        ("--max-size", "much"),
        ("--per-workflow",),
        ("--status", "running"),
        ("--keep-last", "-1"),
        ("nothing",),
    ],
)
def test_what_cannot_be_meant_is_bad_input(shell: Shell, runs: list[str], options: tuple[str, ...]) -> None:
    said = shell("clean", *options, "--yes")
    assert said.code == 2 and "Traceback" not in said.err
    assert left(shell) == runs


def test_without_a_store_there_is_nothing_to_clean(shell: Shell) -> None:
    for command in (("clean",), ("du",), ("keep",), ("keep", "latest")):
        said = shell(*command)
        assert said.code == 2 and "nothing has been run here" in said.err, command
    assert not (shell.folder / ".binex").exists()


def test_leftovers_go_without_being_asked_about(shell: Shell, runs: list[str]) -> None:
    orphan = shell.folder / ".binex" / "blobs" / "ab" / ("ab" * 32)
    orphan.parent.mkdir()
    orphan.write_bytes(b"x" * 100_000)
    said = shell.process("clean")
    assert said.code == 0 and "given back" in said.out
    assert not orphan.exists()
    assert left(shell) == runs


def test_an_unfinished_run_stays_unless_it_is_wanted_too(shell: Shell, runs: list[str]) -> None:
    with closing(sqlite3.connect(shell.folder / ".binex" / "binex.db")) as connection, connection:
        connection.execute("UPDATE runs SET status = 'running' WHERE id = ?", (runs[0],))
    assert "unfinished" in shell("clean", runs[0], "--dry-run").out
    assert shell("clean", runs[0], "--include-unfinished", "--yes").code == 0
    assert left(shell) == runs[1:]


def test_a_narrow_terminal_a_plain_one_and_a_damaged_name_are_shown(shell: Shell, runs: list[str]) -> None:
    shell.write("odd.yaml", 'name: "odd \\u001b[31m"\nnodes:\n  a: {agent: local://echo, inputs: {x: 1}}\n')
    shell("run", "odd.yaml", "-q")
    for typed in ("du", "du latest", "clean --keep-last 0 --dry-run", "keep latest", "keep"):
        said = shell.process(*typed.split(), env={"COLUMNS": "40", "LC_ALL": "C", "NO_COLOR": "1"})
        assert said.code == 0 and "\x1b" not in said.out, said.err


@pytest.fixture
def typed(shell: Shell) -> Iterator[Any]:
    opened: list[Terminal] = []

    def open_one(*arguments: str) -> Terminal:
        opened.append(Terminal(shell, *arguments, env={"NO_COLOR": "1"}))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()


@pytest.mark.parametrize(("answer", "is_removed"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_somebody_is_asked(
    shell: Shell, runs: list[str], typed: Any, answer: str, is_removed: bool
) -> None:
    terminal = typed("clean", "--status", "failed")
    terminal.wait_for("remove them?")
    terminal.type(answer)
    assert terminal.end() == 0
    assert (runs[2] not in left(shell)) is is_removed


def test_runs_of_an_imported_family_are_cleaned_and_come_in_again(
    shell: Shell, runs: list[str], tmp_path: Path
) -> None:
    bundle = str(tmp_path / "run.zip")
    exported = shell("export", runs[3], "-o", bundle)
    assert exported.code == 0, exported.err
    assert shell("clean", runs[1], runs[3], "--yes").code == 0
    assert left(shell) == [runs[0], runs[2]]
    assert shell("import", bundle).code == 0
    assert shell("replay", runs[3], "--trust").code == 0
    assert json.loads(shell("doctor", "--json").out)["found"] is not None
    assert shell("doctor").code == 0
