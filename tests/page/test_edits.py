"""The edits that the graph makes in a text: on every workflow of the repository, nothing but what was meant changes."""

import difflib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from binex.errors import WorkflowError
from binex.graph.dag import DAG
from binex.loader import parse_workflow

ROOT: Final = Path(__file__).parents[2]
UI: Final = ROOT / "ui"
EDITS: Final = UI / "src" / "views" / "workflow" / "edits" / "edits.ts"
BUNDLER: Final = UI / "node_modules" / ".bin" / "rolldown"
ODD: Final = {
    "comments everywhere": """\
# above
name: odd   # behind
nodes:   # the nodes

  # about one
  one:   # one
    agent: local://echo   # its agent
    # inside
    inputs: {text: 'go',   b: "x"}   # its inputs

  # about two
  two:
      agent:   local://echo
      inputs:
          made:   ${one.output}   # what one made
          # and nothing else
# the end
""",
    "blanks and block texts": """\
name: "blanks"


nodes:

  one:
    agent: 'local://echo'
    system_prompt: |+
      Say it.

        # no comment
      Twice.


  two: {agent: "local://echo",
        depends_on: [one,   # because
                     ]}


""",
    "lists of every sort": """\
nodes:
  a: {"agent": local://echo}
  b: {agent: local://echo, depends_on: a}
  c:
    agent: local://echo
    depends_on:
    - a
    -   b   # last
  d:
    depends_on: []
    agent: local://echo
  "e":
    inputs:
      a: ${a.output}
      c: ${c}
    agent: local://echo
    when: ${b.output} == go
""",
    "without an end of line": 'nodes:\n  a: {agent: "local://echo"}\n'
    '  b:\n    agent: local://echo\n    inputs: {x: "${a.output}"}',
    "lines of Windows": 'name: w # x\r\nnodes:\r\n  a: {agent: "local://echo"} # a\r\n\r\n'
    "  b:\r\n    agent: local://echo\r\n    inputs:\r\n      x: go\r\n",
    "all between braces": '{name: f, nodes: {a: {agent: "local://echo"}, b: {agent: "local://echo", inputs: {}}}}\n',
    "names that YAML reads otherwise": 'nodes:\n  "on": {agent: "local://echo"}\n  "1": {agent: "local://echo"}\n'
    '  a.b: {agent: "local://echo"}\n  a: {agent: "local://echo", inputs: {t: "${a.b}"}}\n',
}  # fmt: skip


def _workflows() -> dict[str, str]:
    """Every text of the repository that is a workflow, by where it stands."""
    files = [*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("src/**/*.yaml"), *ROOT.glob("tests/**/*.yaml")]
    texts = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in sorted(files)}
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]:
        blocks = re.findall(r"^```yaml[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
        texts |= {f"{page.relative_to(ROOT)} {number}": block for number, block in enumerate(blocks, 1)}
    return {name: text for name, text in texts.items() if _nodes(text)} | ODD


def _nodes(text: str) -> dict[str, Any]:
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    nodes = read.get("nodes") if isinstance(read, dict) else None
    whole = isinstance(nodes, dict) and all(isinstance(node, dict) and "agent" in node for node in nodes.values())
    return nodes if whole and isinstance(nodes, dict) else {}


TEXTS: Final = _workflows()
Edit = Callable[..., list[dict[str, str]]]


@pytest.fixture(scope="module")
def edit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edit]:
    """Makes edits with the module that the page has."""
    node = shutil.which("node")
    if node is None or not BUNDLER.exists():
        pytest.skip("what the page is built with is not there: npm ci in ui/")
    made = tmp_path_factory.mktemp("edits") / "edits.mjs"
    bundle = [str(BUNDLER), str(EDITS), "-o", str(made), "--format", "esm"]
    subprocess.run(bundle, check=True, capture_output=True, cwd=UI)

    program = [node, str(Path(__file__).with_name("edit_texts.mjs")), str(made)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        told, answered = process.stdin, process.stdout
        assert told is not None
        assert answered is not None

        def answers(*wanted: tuple[str, ...]) -> list[dict[str, str]]:
            told.write(json.dumps(wanted) + "\n")
            told.flush()
            found: list[dict[str, str]] = json.loads(answered.readline())
            return found

        yield answers


def _changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that are gone, and those that came."""
    lines = [text.splitlines(keepends=True) for text in (before, after)]
    if not before.endswith("\n"):
        lines = [[*one[:-1], one[-1].rstrip("\r\n") + "\n"] for one in lines]
    found = list(difflib.ndiff(*lines))
    return [one[2:] for one in found if one[0] == "-"], [one[2:] for one in found if one[0] == "+"]


def _is_insertion(before: str, after: str) -> bool:
    """Whether *after* is *before* with one piece put in."""
    start = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), len(before))
    end = len(before) - start
    return (
        len(after) > len(before)
        and before[:start] + (before[-end:] if end else "") == before
        and (after.endswith(before[start:]))
    )


def test_the_repository_has_workflows_to_try_this_on() -> None:
    assert len(TEXTS) >= 20
    assert {name.split("/")[1] for name in TEXTS if name.startswith("examples/")} >= {"research", "review", "agents"}


@pytest.mark.parametrize("name", TEXTS)
def test_a_node_is_added_connected_disconnected_and_removed_and_the_text_is_as_it_was(name: str, edit: Edit) -> None:
    text = TEXTS[name]
    first = next(iter(_nodes(text)))
    (added,) = edit(("addNode", text, "brand_new", "local://echo"))
    assert _is_insertion(text, added["text"])
    assert list(_nodes(added["text"])) == [*_nodes(text), "brand_new"]
    gone, came = _changes(text, added["text"])
    if "nodes: {" not in text:
        assert (gone, 1 <= len(came) <= 3) == ([], True)
    for kind in ("gives", "order"):
        (connected,) = edit(("connect", added["text"], str(first), "brand_new", kind))
        assert _is_insertion(added["text"], connected["text"])
        assert _nodes(connected["text"])["brand_new"]["depends_on"] == [first]
        (back,) = edit(("disconnect", connected["text"], str(first), "brand_new"))
        assert back["text"] == added["text"]
    (removed,) = edit(("removeNode", added["text"], "brand_new"))
    assert removed["text"] == text


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("kind", ["gives", "order"])
def test_any_two_nodes_are_connected_by_one_piece_of_text_and_apart_again(name: str, kind: str, edit: Edit) -> None:
    text = TEXTS[name]
    nodes = _nodes(text)
    pairs = [(str(before), str(after)) for before in nodes for after in nodes if before != after][:60]
    tried = edit(*(("connect", text, *pair, kind) for pair in pairs))
    made = [(pair, answer["text"]) for pair, answer in zip(pairs, tried, strict=True) if "text" in answer]
    for (before, after), connected in made:
        was, is_now = nodes[_key(nodes, after)], _nodes(connected)[_key(nodes, after)]
        field = "inputs" if kind == "gives" and was.get("inputs") is not None else "depends_on"
        assert {**is_now, field: None} == {**was, field: None}
        assert {**_nodes(connected), _key(nodes, after): was} == nodes
        if not isinstance(was.get("depends_on"), str):
            assert _is_insertion(text, connected), (before, after)
    apart = edit(*(("disconnect", connected, *pair) for pair, connected in made))
    for (pair, connected), answer in zip(made, apart, strict=True):
        if "text" in answer:
            for line in _changes(connected, answer["text"])[0]:
                assert pair[0] in line
    refused = [answer["refused"] for answer in tried if "refused" in answer]
    assert all("already" in one or "empty" in one or "cannot be made" in one for one in refused), refused


def _key(nodes: dict[str, Any], name: str) -> Any:
    return next(key for key in nodes if str(key) == name)


@pytest.mark.parametrize("name", [name for name in TEXTS if name.startswith("examples/")])
def test_what_was_edited_is_still_a_workflow_with_that_edge(name: str, edit: Edit) -> None:
    text = TEXTS[name]
    nodes = list(_nodes(text))
    (made,) = edit(("addNode", text, "brand_new", "local://echo"))
    (made,) = edit(("connect", made["text"], nodes[-1], "brand_new"))
    folder = (ROOT / name).parent
    try:
        spec = parse_workflow(made["text"], file="flow.yaml", folder=folder)
    except WorkflowError as error:
        pytest.fail(str(error))
    assert DAG.from_workflow(spec).nodes["brand_new"].depends_on == (nodes[-1],)


def test_what_would_lose_a_comment_or_a_meaning_is_refused_with_its_place(edit: Edit) -> None:
    text = ODD["comments everywhere"]
    lists = ODD["lists of every sort"]
    texts = [
        edit(("removeNode", text, "two"))[0]["refused"],
        edit(("removeNode", text, "one"))[0]["refused"],
        edit(("disconnect", text, "one", "two"))[0]["refused"],
        edit(("disconnect", lists, "b", "e"))[0]["refused"],
        edit(("disconnect", lists, "b", "c"))[0]["refused"],
        edit(("connect", lists, "a", "a"))[0]["refused"],
        edit(("addNode", lists, "user", "local://echo"))[0]["refused"],
        edit(("addNode", "nodes: [", "x", "local://echo"))[0]["refused"],
    ]
    assert [re.sub(r"[;,.].*", "", one) for one in texts] == [
        "A comment stands in what would be removed",
        "'two' comes after 'one'",
        "A comment stands in what would be removed",
        "'when' of 'e' speaks of 'b'",
        "Something else stands in the lines that would be removed",
        "A node cannot come after itself",
        "'user' means something else in a reference",
        "The text is no YAML at the moment",
    ]  # fmt: skip


def test_what_one_removes_leaves_every_other_byte(edit: Edit) -> None:
    lists = ODD["lists of every sort"]
    answers = edit(
        ("disconnect", lists, "a", "c"),
        ("disconnect", lists, "a", "b"),
        ("disconnect", lists, "c", "e"),
        ("removeNode", lists, "d"),
        ("addNode", "", "one", "local://echo"),
        ("addNode", "# only this\nname: x", "one", "local://echo"),
        ("addNode", "name: x\nnodes:\n# end\n", "one", "local://echo"),
    )
    assert [answer["text"] for answer in answers] == [
        lists.replace("    - a\n", ""),
        lists.replace(", depends_on: a}", "}"),
        lists.replace("      c: ${c}\n", ""),
        lists.replace("  d:\n    depends_on: []\n    agent: local://echo\n", ""),
        'nodes:\n  one: {agent: "local://echo"}\n',
        '# only this\nname: x\nnodes:\n  one: {agent: "local://echo"}\n',
        'name: x\nnodes:\n  one: {agent: "local://echo"}\n# end\n',
    ]
