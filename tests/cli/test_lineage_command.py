"""``binex lineage``: the trees, who said what, bad input, and damage in its place."""

import sqlite3
from contextlib import closing

import pytest

from tests.cli.conftest import Shell
from tests.servers import serving

CODE = """
def note(topic):
    return {"text": f"All about {topic}. Bees dance to tell where food is."}

def draft(note):
    return note["text"] + " The moon is made of green cheese."
"""
FLOW = """
name: bees
inputs: {topic: {default: bees}}
nodes:
  note: {agent: local://flying.note, inputs: {topic: "${user.topic}"}}
  draft: {agent: local://flying.draft, inputs: {note: "${note.output}"}}
  end: {agent: local://echo, inputs: {text: "${draft.output}", by: Bees}}
"""


@pytest.fixture
def bees(shell: Shell) -> Shell:
    shell.write("flying.py", CODE)
    shell.write("bees.yaml", FLOW)
    assert shell("run", "bees.yaml", "-q").code == 0
    return shell


def test_it_shows_both_ways_as_trees(bees: Shell) -> None:
    said = bees("lineage", "draft")
    assert said.code == 0
    rows = [" ".join(line.split()[:2]) for line in said.out.splitlines()]
    assert rows == [
        "draft.output 85",
        "",
        "Made from",
        "└─ note.output",
        "└─ user.topic",
        "",
        "Reached",
        "└─ end.output",
    ]


def test_one_way_alone_and_a_depth_can_be_asked_for(bees: Shell) -> None:
    assert "Reached" not in bees("lineage", "draft", "--up").out
    assert "Made from" not in bees("lineage", "draft", "--down").out
    near = bees("lineage", "end", "--up", "--depth", "1").out
    assert "draft.output" in near and "more: --depth" in near and "note.output" not in near


def test_json_has_nodes_and_links(bees: Shell) -> None:
    found = bees("lineage", "latest", "draft", "--json").json()
    assert {node["name"] for node in found["nodes"]} == {"draft.output", "note.output", "user.topic", "end.output"}
    assert {link["kind"] for link in found["links"]} == {"data"}
    assert bees("lineage", found["artifact"], "--json").json()["artifact"] == found["artifact"]


def test_blame_says_who_said_it_and_who_made_it_up(bees: Shell) -> None:
    said = bees("lineage", "end", "--blame", "-")
    assert said.code == 0
    assert "it was first said by local://flying.note in task 'note', attempt 1" in said.out
    assert "it was first said by local://flying.draft in task 'draft', attempt 1" in said.out
    alone = bees("lineage", "draft", "--blame", "the moon is made of green cheese").out
    assert "nothing upstream carries it: it was first said by local://flying.draft in task 'draft'" in alone
    found = bees("lineage", "end", "--blame", "Bees dance", "--json").json()
    hops = found["sentences"][0]["hops"]
    assert [(hop["path"], hop["start"], hop["likeness"]) for hop in hops] == [
        ("$.text", 16, "exact"),
        ("$", 16, "exact"),
        ("$.text", 16, "exact"),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "no artifact 'nope'"),
        (["nope", "draft"], "no run 'nope'"),
        (["a", "b", "c"], "too many arguments"),
        (["draft", "--blame", "Wasps"], "does not say 'Wasps'"),
        (["draft", "--blame", "-", "--up"], "--blame goes upwards to the end"),
        (["draft", "--depth", "0"], "--depth"),
        ([], "Missing argument"),
    ],
)
def test_bad_input_is_named(bees: Shell, arguments: list[str], message: str) -> None:
    said = bees("lineage", *arguments)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err


def test_damage_is_named_in_its_place_and_the_rest_is_shown(bees: Shell) -> None:
    for file in (bees.folder / ".binex" / "artifacts").rglob("*note~output*"):
        file.write_bytes(b"{}")
    with closing(sqlite3.connect(bees.folder / ".binex" / "binex.db")) as connection, connection:
        connection.execute("UPDATE artifacts SET content = x'7b7d', size = 2 WHERE name LIKE '%note~output%'")
    said = bees("lineage", "end")
    assert said.code == 4
    assert "note.output  damaged" in said.out and "damaged:" in said.out and "user.topic" in said.out
    blamed = bees("lineage", "draft", "--blame", "-")
    assert blamed.code == 4
    assert "something that it was given cannot be read" in blamed.out


def test_it_fits_a_narrow_terminal_and_needs_no_unicode(bees: Shell) -> None:
    plain = bees.process("lineage", "end", env={"LC_ALL": "C", "PYTHONUTF8": "0"}).out
    assert plain.isascii() and "`- draft.output" in plain
    assert bees.process("lineage", "end", "--blame", "-", env={"LC_ALL": "C"}).out.isascii()


def test_what_agents_wrote_cannot_command_the_terminal(shell: Shell) -> None:
    shell.write(
        "evil.yaml", 'name: evil\nnodes:\n  a: {agent: local://echo, inputs: {x: "red \\e[31m alert is here"}}\n'
    )
    assert shell("run", "evil.yaml", "-q").code == 0
    said = shell("lineage", "a", "--blame", "-")
    assert "\x1b" not in said.out and "\\x1b[31m" in said.out


def test_of_many_items_only_some_are_shown_and_the_rest_is_counted(shell: Shell) -> None:
    shell.write("many.py", "def numbers(): return list(range(60))\ndef end(a): return len(a)\n")
    shell.write(
        "many.yaml",
        """
        name: many
        nodes:
          list: {agent: local://many.numbers, inputs: {}}
          each: {foreach: list, agent: local://echo, inputs: {n: "${item}"}}
          end: {agent: local://many.end, inputs: {a: "${each.output}"}}
        """,
    )
    assert shell("run", "many.yaml", "-q").code == 0
    for way, start in (("--up", "end"), ("--down", "list")):
        said = shell("lineage", start, way).out
        assert "52 items more of each: --json shows all" in said
        assert len(said.splitlines()) < 30
        assert "each.output" in said
    assert len(shell("lineage", "end", "--json").json()["nodes"]) == 63


def test_what_a_person_a_server_and_a_retry_said_is_theirs(shell: Shell) -> None:
    shell.write(
        "asks.py",
        """
        import os, httpx

        def fetch(url, at):
            said = httpx.get(url).json()["items"][0]["body"]
            if not os.path.exists(at):
                open(at, "w").close()
                raise ValueError(said)
            return said + " It was fetched by a small program."

        def join(page, person):
            return page + " " + person
        """,
    )
    shell.write(
        "asks.yaml",
        """
        name: asks
        inputs: {url: {required: true}}
        nodes:
          page:
            agent: local://asks.fetch
            inputs: {url: "${user.url}", at: "%s"}
            retry_policy: {max_retries: 1, delay_ms: 1}
          person: {agent: "human://input", config: {text: What do you say?}}
          end: {agent: local://asks.join, inputs: {page: "${page}", person: "${person}"}}
        """
        % (shell.folder / "again"),
    )
    with serving(news=b'{"items": [{"body": "Prices of honey rose by four percent."}]}') as server:
        assert shell("run", "asks.yaml", "-v", f"url={server.url}/news", "-q").code == 75
    assert shell("answer", "latest", "person", "I never eat honey in the morning.").code == 0
    assert shell("resume", "latest", "-q").code == 0
    found = {one["text"]: one for one in shell("lineage", "end", "--blame", "-", "--json").json()["sentences"]}
    server_said = found["Prices of honey rose by four percent."]
    assert (server_said["speaker"], server_said["attempt"]) == ("http", 2)
    assert [(hop["source"].split("~")[-2:], hop["path"]) for hop in server_said["hops"][1:]] == [
        (["page", "output"], "$"),
        (["page:2.1"], "$.items[0].body"),
    ]
    assert found["It was fetched by a small program."]["speaker"] == "code"
    person = found["I never eat honey in the morning."]
    assert (person["speaker"], person["task"]) == ("human", "person")
    said = shell("lineage", "end", "--blame", "-").out
    assert "answered by GET http" in said and "human://input in task 'person'" in said
