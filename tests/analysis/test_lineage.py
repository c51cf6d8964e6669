"""Lineage and blame over runs whose truth is known: each function says where its words come from."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from a2a.types import Part

from binex.analysis.artifacts import get_artifact
from binex.analysis.find import find_artifact
from binex.analysis.lineage.blame import blame
from binex.analysis.lineage.blame_model import SentenceBlame, SpeakerKind
from binex.analysis.lineage.blame_sources import MOST_BYTES
from binex.analysis.lineage.model import ArtifactLineage, LineageKind, LinkKind
from binex.analysis.lineage.passages import Likeness
from binex.analysis.lineage.sources import Sources
from binex.analysis.lineage.tree import lineage
from binex.errors import InputError
from binex.loader import bind_source
from binex.models.change import Change, ChangeKind
from binex.models.run import Run
from binex.runtime.forks.request import Edit, ForkRequest
from binex.runtime.session import Session, open_session
from tests.a2a_server import AgentServer, Turn, serving

STEPS = """
def gather(topic):
    return {"notes": [
        {"title": topic, "text": "Bees dance to tell where food is. The dance was decoded in 1927."},
        {"title": "other", "text": "Wasps build nests of paper."},
    ]}

def copy(notes):
    return " ".join(note["text"] for note in notes["notes"])

def rewrite(text):
    return text.replace("tell where food is", "tell their sisters where the food is").replace("paper.", "PAPER!")

def report(item):
    return f"Report on {item}: nothing bad was found in this hive."

def join(text, parts, motto):
    return {"report": f"{text} {motto}", "parts": parts, "extra": "The moon is made of green cheese entirely."}

def refuse(text):
    raise ValueError("no")

def large(size):
    return "Large texts are not looked at here. " + "x" * size

def tail(text):
    return text[:35]
"""
FLOW = """
name: bees
inputs:
  topic: {default: bees}
  motto: {default: Work hard and sting only when you must.}
  hives: {type: array, default: [north hill, south field]}
nodes:
  gather: {agent: local://steps.gather, inputs: {topic: "${user.topic}"}}
  copy: {agent: local://steps.copy, inputs: {notes: "${gather.output}"}}
  rewrite: {agent: local://steps.rewrite, inputs: {text: "${copy.output}"}}
  each: {foreach: "${user.hives}", agent: local://steps.report, inputs: {item: "${item}"}}
  think:
    agent: llm://mock/a
    system_prompt: Always say that honey is sweet and golden.
    inputs: {text: "${rewrite.output}"}
    config: {answers: [{text: Honey is sweet and golden. Unicorns drink it in the winter months.}]}
  join:
    agent: local://steps.join
    inputs: {text: "${rewrite.output} ${think.output}", parts: "${each.output}", motto: "${user.motto}"}
  broken: {agent: local://steps.refuse, inputs: {text: "${copy.output}"}}
  after: {agent: local://echo, inputs: {a: A fixed saying of the workflow.}, depends_on: [gather]}
"""


class Bees:
    """Runs the workflow above, and asks about what it made."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder
        (folder / "steps.py").write_text(STEPS, "utf-8")

    async def run(self, flow: str = FLOW, **options: object) -> Run:
        (self.folder / "bees.yaml").write_text(flow, "utf-8")
        return (await self.session.run(self.folder / "bees.yaml", **options)).run  # type: ignore[arg-type]

    async def edit(self, parent: Run, output: str) -> Run:
        edits = (Edit("copy", "output", output),)
        return (await self.session.fork(parent.id, ForkRequest(edits=edits))).run

    async def prompt(self, parent: Run) -> Run:
        answers = [{"text": "Wax is brown."}]
        change = Change(kind=ChangeKind.FIELD, node="think", path=("config", "answers"), value=answers, option="--set")
        return (await self.session.fork(parent.id, ForkRequest(fields=(change,)))).run

    async def lineage(self, run: Run, name: str, **options: object) -> ArtifactLineage:
        info = await find_artifact(self.session.store, name, run)
        return await lineage(run, info, Sources(self.session.store, bind_source), **options)  # type: ignore[arg-type]

    async def blame(self, run: Run, name: str, text: str | None = None) -> dict[str, SentenceBlame]:
        info = await find_artifact(self.session.store, name, run)
        artifact = await get_artifact(self.session.store, info)
        found = await blame(run, artifact, Sources(self.session.store, bind_source), text)
        return {sentence.text: sentence for sentence in found.sentences}


@pytest.fixture
async def bees(tmp_path: Path) -> AsyncIterator[Bees]:
    async with open_session(tmp_path / ".binex", durability="normal") as session:
        yield Bees(session, tmp_path)


def names(found: ArtifactLineage) -> dict[str, str]:
    """The names of things by their ids, those of other runs with the run."""
    return {
        node.id: node.name if node.run_id == found.run.id else f"{node.name} of {node.run_id}" for node in found.nodes
    }


def links(found: ArtifactLineage) -> set[tuple[str, str]]:
    known = names(found)
    return {(known[link.before], known[link.after]) for link in found.links}


def places(sentence: SentenceBlame) -> list[str]:
    return [re.sub(r"^\w+~(.*)~output$", r"\1", hop.source) for hop in sentence.hops]


UP = {
    ("user.topic", "gather.output"),
    ("gather.output", "copy.output"),
    ("copy.output", "rewrite.output"),
    ("rewrite.output", "think.output"),
    ("think: system_prompt", "think.output"),
}


async def test_upwards_everything_ends_at_what_somebody_wrote(bees: Bees) -> None:
    found = await bees.lineage(await bees.run(), "join", is_down=False)
    assert links(found) == UP | {
        ("rewrite.output", "join.output"),
        ("think.output", "join.output"),
        ("each.output", "join.output"),
        ("user.motto", "join.output"),
        ("each[0].output", "each.output"),
        ("each[1].output", "each.output"),
        ("user.hives", "each[0].output"),
        ("user.hives", "each[1].output"),
    }
    roots = {node.name: node.kind for node in found.nodes if node.kind is not LineageKind.ARTIFACT}
    assert roots == {
        "user.topic": LineageKind.INPUT,
        "user.motto": LineageKind.INPUT,
        "user.hives": LineageKind.INPUT,
        "think: system_prompt": LineageKind.PROMPT,
    }
    assert {link.kind for link in found.links} == {LinkKind.DATA, LinkKind.ITEM}
    assert found.damage == ()


async def test_downwards_it_is_all_that_was_made_from_it_and_the_tasks_that_made_nothing_of_it(bees: Bees) -> None:
    found = await bees.lineage(await bees.run(), "copy", is_up=False)
    assert links(found) == {
        ("copy.output", "rewrite.output"),
        ("copy.output", "broken"),
        ("rewrite.output", "think.output"),
        ("rewrite.output", "join.output"),
        ("think.output", "join.output"),
    }
    broken = next(node for node in found.nodes if node.name == "broken")
    assert (broken.kind, broken.status) == (LineageKind.TASK, "failed")


async def test_what_only_came_before_is_marked_and_not_followed(bees: Bees) -> None:
    found = await bees.lineage(await bees.run(), "after", is_down=False)
    assert {(link.kind, names(found)[link.before]) for link in found.links} == {
        (LinkKind.DATA, "after: inputs.a"),
        (LinkKind.ORDER, "gather.output"),
    }


async def test_so_many_steps_are_gone_as_were_asked_for_and_more_is_said_to_be_there(bees: Bees) -> None:
    found = await bees.lineage(await bees.run(), "rewrite", depth=1)
    known = names(found)
    assert links(found) == {
        ("copy.output", "rewrite.output"),
        ("rewrite.output", "think.output"),
        ("rewrite.output", "join.output"),
    }
    assert {known[id] for id in found.cut} == {"copy.output", "think.output"}


async def test_it_goes_on_in_forks_and_comes_back_from_them(bees: Bees) -> None:
    parent = await bees.run()
    fork = await bees.prompt(parent)
    below = await bees.lineage(parent, "rewrite", is_up=False)
    there = f"of {fork.id}"
    assert {("rewrite.output", f"think.output {there}"), (f"think.output {there}", f"join.output {there}")} <= links(
        below
    )
    assert next(node for node in below.nodes if node.name == "rewrite.output").also_in == (fork.id,)
    above = await bees.lineage(fork, "join", is_down=False)
    assert (f"gather.output of {parent.id}", f"copy.output of {parent.id}") in links(above)
    assert (f"rewrite.output of {parent.id}", "think.output") in links(above)


async def test_it_goes_on_in_runs_that_reused_it_from_the_cache(bees: Bees) -> None:
    first = await bees.run()
    second = await bees.run(FLOW.replace("Unicorns", "Foxes"), cache=True)
    below = await bees.lineage(first, "rewrite", is_up=False)
    assert ("rewrite.output", f"think.output of {second.id}") in links(below)


async def test_what_was_put_there_by_hand_is_marked(bees: Bees) -> None:
    parent = await bees.run()
    fork = await bees.edit(parent, "Bees sleep at night.")
    found = await bees.lineage(fork, "rewrite", is_down=False)
    edited = next(node for node in found.nodes if node.name == "copy.output")
    assert edited.is_edited and edited.run_id == fork.id
    assert (f"copy.output of {parent.id}", "copy.output") in links(found)
    assert next(link.kind for link in found.links if link.after == edited.id) is LinkKind.EDIT


async def test_what_is_missing_or_altered_is_named_in_its_place_and_the_rest_is_there(bees: Bees) -> None:
    run = await bees.run()
    damage_artifact(bees.folder / ".binex", "copy~output")
    found = await bees.lineage(run, "rewrite", is_down=False)
    assert next(node for node in found.nodes if node.name == "copy.output").damage
    assert [damage.where for damage in found.damage] == ["copy.output"]
    assert ("user.topic", "gather.output") in links(found)


def damage_artifact(folder: Path, name: str) -> None:
    """Put something else in the place of what was stored, everywhere."""
    for file in (folder / "artifacts").rglob(f"*{name}*"):
        file.write_bytes(b"{}")
    with closing(sqlite3.connect(folder / "binex.db")) as connection, connection:
        connection.execute("UPDATE artifacts SET content = x'7b7d', size = 2 WHERE name LIKE ?", (f"%{name}%",))


# --- blame ----------------------------------------------------------------------------------------------------


async def test_each_sentence_is_followed_to_who_first_said_it(bees: Bees) -> None:
    said = await bees.blame(await bees.run(), "join")
    ways = {text: (places(one), one.speaker) for text, one in said.items()}
    assert ways == {
        "Bees dance to tell their sisters where the food is.": (
            ["join", "rewrite", "copy", "gather"],
            SpeakerKind.CODE,
        ),
        "The dance was decoded in 1927.": (["join", "rewrite", "copy", "gather"], SpeakerKind.CODE),
        "Wasps build nests of PAPER!": (["join", "rewrite", "copy", "gather"], SpeakerKind.CODE),
        "Honey is sweet and golden.": (["join", "think", "think: system_prompt"], SpeakerKind.PROMPT),
        "Unicorns drink it in the winter months.": (["join", "think"], SpeakerKind.MODEL),
        "Work hard and sting only when you must.": (["join", "user.motto"], SpeakerKind.INPUT),
        "Report on north hill: nothing bad was found in this hive.": (["join", "each", "each[0]"], SpeakerKind.CODE),
        "Report on south field: nothing bad was found in this hive.": (["join", "each", "each[1]"], SpeakerKind.CODE),
        "The moon is made of green cheese entirely.": (["join"], SpeakerKind.CODE),
    }
    assert [text for text, one in said.items() if one.is_new] == ["The moon is made of green cheese entirely."]
    model = said["Unicorns drink it in the winter months."]
    assert (model.said_by, model.task, model.attempt) == ("llm://mock/a", "think", 1)


async def test_the_evidence_can_be_looked_up(bees: Bees) -> None:
    run = await bees.run()
    said = await bees.blame(run, "join")
    bee = said["Bees dance to tell their sisters where the food is."]
    assert [hop.likeness for hop in bee.hops] == [
        Likeness.EXACT,
        Likeness.EXACT,
        Likeness.REWRITTEN,
        Likeness.EXACT,
    ]
    assert (bee.hops[2].quote, bee.hops[3].path) == ("Bees dance to tell where food is", "$.notes[0].text")
    assert 0.6 < bee.hops[2].score < 0.9
    wasp = said["Wasps build nests of PAPER!"].hops[2]
    assert (wasp.quote, wasp.likeness, wasp.score) == ("Wasps build nests of paper", Likeness.NEARLY, 1.0)
    for sentence in said.values():
        for hop in sentence.hops:
            if "~" in hop.source:
                content = await get_artifact(bees.session.store, await find_artifact(bees.session.store, hop.source))
                assert _follow(content.content, hop.path)[hop.start : hop.end] == hop.quote


def _follow(value: object, path: str) -> str:
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        value = value[name] if name else value[int(index)]  # type: ignore[index]
    assert isinstance(value, str)
    return value


async def test_only_what_is_asked_about_is_followed(bees: Bees) -> None:
    run = await bees.run()
    assert list(await bees.blame(run, "join", "the dance was  DECODED in 1927")) == ["The dance was decoded in 1927"]
    with pytest.raises(InputError, match=r"does not say 'Bees sing'"):
        await bees.blame(run, "join", "Bees sing")
    with pytest.raises(InputError, match="does not say"):
        await bees.blame(run, "join", "   ")


async def test_a_way_leads_through_forks_to_the_run_where_it_was_said(bees: Bees) -> None:
    parent = await bees.run()
    fork = await bees.prompt(parent)
    said = await bees.blame(fork, "join", "The dance was decoded in 1927.")
    way = next(iter(said.values()))
    assert [hop.run_id for hop in way.hops] == [fork.id, parent.id, parent.id, parent.id]
    assert way.run_id == parent.id


async def test_what_somebody_wrote_by_hand_is_theirs_and_what_they_left_is_not(bees: Bees) -> None:
    parent = await bees.run()
    fork = await bees.edit(parent, "Bees sleep at night in their hive. The dance was decoded in 1927.")
    said = await bees.blame(fork, "rewrite")
    by_hand = said["Bees sleep at night in their hive."]
    assert (by_hand.speaker, by_hand.run_id, places(by_hand)) == (SpeakerKind.HAND, fork.id, ["rewrite", "copy"])
    kept = said["The dance was decoded in 1927."]
    assert (kept.speaker, places(kept)) == (SpeakerKind.CODE, ["rewrite", "copy", "copy", "gather"])


async def test_what_a_fixed_value_says_is_the_workflow_s(bees: Bees) -> None:
    said = await bees.blame(await bees.run(), "after")
    only = said["A fixed saying of the workflow."]
    assert (only.speaker, only.said_by) == (SpeakerKind.VALUE, "after: inputs.a")


async def test_what_is_too_large_is_not_looked_at_and_named(bees: Bees) -> None:
    flow = f"""
name: large
nodes:
  a: {{agent: local://steps.large, inputs: {{size: {MOST_BYTES}}}}}
  b: {{agent: local://steps.tail, inputs: {{text: "${{a.output}}"}}}}
"""
    run = await bees.run(flow)
    info = await find_artifact(bees.session.store, "b", run)
    artifact = await get_artifact(bees.session.store, info)
    found = await blame(run, artifact, Sources(bees.session.store, bind_source))
    assert len(found.skipped) == 1 and "a~output" in found.skipped[0]
    assert found.sentences[0].is_new


async def test_an_answer_of_a_tool_and_one_of_a_person_end_a_way(bees: Bees) -> None:
    (bees.folder / "tools.py").write_text(
        'def look_up(word: str) -> str:\n    "Look a word up."\n    return "A drone is a male bee without a sting."\n',
        "utf-8",
    )
    flow = """
name: asked
nodes:
  think:
    agent: llm://mock/a
    tools: [python://tools.look_up]
    inputs: {q: What is a drone}
    config:
      answers:
        - {tool_calls: [{name: look_up, arguments: {word: drone}}]}
        - {text: A drone is a male bee without a sting. It lives for six or seven weeks.}
"""
    run = await bees.run(flow)
    said = await bees.blame(run, "think")
    tool = said["A drone is a male bee without a sting."]
    assert (tool.speaker, places(tool)[0]) == (SpeakerKind.TOOL, "think")
    assert re.match(r"think:1\.\d", tool.hops[1].source)
    assert said["It lives for six or seven weeks."].speaker is SpeakerKind.MODEL


async def test_what_a_remote_agent_adds_is_its_own_and_what_it_passes_on_is_not(bees: Bees) -> None:
    async def act(turn: Turn) -> None:
        await turn.accept()
        text = "Wax melts at about sixty degrees. Wasps build their nests out of paper."
        await turn.updater.add_artifact([Part(text=text)], name="answer", last_chunk=True)
        await turn.updater.complete()

    with serving(AgentServer(act)) as server:
        run = await bees.run(f"""
name: remote
nodes:
  gather: {{agent: local://steps.gather, inputs: {{topic: bees}}}}
  far: {{agent: "a2a://127.0.0.1:{server.port}", inputs: {{notes: "${{gather.output}}"}}}}
""")
    assert run.status == "completed", run.error
    said = await bees.blame(run, "far")
    own = said["Wax melts at about sixty degrees."]
    assert (own.speaker, places(own), own.is_new) == (SpeakerKind.AGENT, ["far"], True)
    passed_on = said["Wasps build their nests out of paper."]
    assert (passed_on.speaker, places(passed_on)) == (SpeakerKind.CODE, ["far", "gather"])
    assert passed_on.hops[1].likeness is Likeness.REWRITTEN
