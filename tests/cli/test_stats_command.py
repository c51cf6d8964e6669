"""``binex stats``: tables, drawings and pictures."""

import sys

import pytest

from tests.cli.conftest import Shell

SPOKEN = """
name: spoken
nodes:
  first: {agent: llm://mock/small, system_prompt: Think., config: {answers: [{text: hm, price: 0.01}]}}
  say: {agent: llm://mock/large, system_prompt: Say it., config: {answers: [{text: one two, price: 0.25}]}}
"""


@pytest.fixture
def ran(shell: Shell) -> Shell:
    for file in ("good.yaml", "good.yaml", "bad.yaml"):
        shell("run", file, "-q")
    return shell


def test_workflows_are_shown_in_a_table_and_one_of_them_with_its_nodes(ran: Shell) -> None:
    said = ran("stats")
    assert said.code == 0, said.err
    title, bad, good, span = said.out.splitlines()
    assert title.split()[:3] == ["WHAT", "COUNT", "OK"]
    assert bad.split()[:4] == ["bad", "1", "0%", "0%\u201379.3%"]
    assert good.split()[:4] == ["good", "2", "100%", "34.2%\u2013100%"]
    assert "forks and replays left out" in span
    lines = ran("stats", "bad").out.splitlines()
    assert [line.split()[:3] for line in lines[1:-1]] == [["bad", "1", "0%"], ["a", "1", "100%"], ["b", "1", "0%"]]


def test_json_has_everything(ran: Shell) -> None:
    report = ran("stats", "good", "--by", "day", "--json").json()
    assert report["by"] == "day"
    assert [series["node"] for series in report["series"]] == ["", "a", "b"]
    assert report["series"][0]["figures"]["success"]["total"] == 2
    assert len(report["series"][0]["buckets"]) == 1


def test_models_are_shown_instead_of_workflows(ran: Shell) -> None:
    assert ran("stats", "--models").out == "no model was asked\n"
    ran.write("spoken.yaml", SPOKEN)
    for _ in range(2):
        ran("run", "spoken.yaml", "-q")
    ran("replay", "latest", "--prompt", "say=Say it again.", "-q")
    title, large, small, span = ran("stats", "--models").out.splitlines()
    assert title.split()[:2] == ["WHAT", "COUNT"]
    assert large.split()[:3] == ["mock/large", "2", "100%"]
    assert ("$0.50" in large, small.split()[:2]) == (True, ["mock/small", "2"])
    assert span.endswith("; together $0.52; forks and replays left out")
    with_forks = ran("stats", "spoken", "--models", "--forks").out.splitlines()
    assert with_forks[1].split()[:2] == ["mock/large", "3"]
    assert with_forks[-1].endswith("; together $0.77; replays left out")
    report = ran("stats", "--models", "--json").json()
    assert report["is_of_models"]
    assert [series["model"] for series in report["series"]] == ["mock/large", "mock/small"]
    assert report["total"]["count"] == 4
    drawn = ran("stats", "--models", "--plot").out
    assert "success, % of calls" in drawn
    assert "* mock/large  o mock/small" in drawn


def test_it_is_drawn_on_the_terminal(ran: Shell) -> None:
    said = ran("stats", "--plot")
    assert said.code == 0, said.err
    assert "success, % of runs" in said.out
    assert "median duration of a run, seconds" in said.out
    assert "\x1b" not in said.out
    assert said.out.splitlines()[-1] == "* good  o bad"
    plain = ran.process("stats", "--plot", env={"LC_ALL": "C", "COLUMNS": "40"})
    assert plain.out.isascii()
    assert max(map(len, plain.out.splitlines())) <= 40


def test_pictures_are_written_beside_the_table(ran: Shell) -> None:
    for name, begin in (("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
        said = ran("stats", "good", "--plot", name)
        assert (said.code, said.err) == (0, f"wrote {name}\n")
        assert "good" in said.out
        assert (ran.folder / name).read_bytes().startswith(begin)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no run of a workflow 'nowhere'"),
        (["--plot", "a.gif"], "no picture"),
        (["--since", "1h", "--until", "2h"], "--since is not before --until"),
        (["--by", "year"], "year"),
    ],
)
def test_what_cannot_be_asked_is_said(ran: Shell, arguments: list[str], message: str) -> None:
    said = ran("stats", *arguments)
    assert said.code == 2
    assert message in said.err


def test_nothing_to_count_is_no_failure(ran: Shell) -> None:
    assert ran("stats", "--until", "2020-01-01").out == "no runs\n"
    said = ran("stats", "--until", "2020-01-01", "--plot")
    assert (said.code, "nothing to draw" in said.err) == (2, True)


@pytest.mark.parametrize(("option", "library"), [("--plot", "plotext"), ("--plot=a.png", "matplotlib")])
def test_a_library_that_is_missing_is_named_with_what_to_type(
    ran: Shell, monkeypatch: pytest.MonkeyPatch, option: str, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    said = ran("stats", option)
    assert said.code == 2
    assert library in said.err
    assert "pip install 'binex[plot]'" in said.err
