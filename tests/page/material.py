"""Real runs for the page to show, of every sort: good, failed, forked, waiting, with many nodes."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from binex.models.change import Change, ChangeKind
from binex.models.run import Run
from binex.models.task import final_records
from binex.runtime.forks.request import Edit, ForkRequest
from binex.runtime.session import Session, open_session

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
GALLERY: Final = """\
name: gallery
description: Values of every kind, and tasks that fail
nodes:
  note: {agent: "local://gallery.note"}
  numbers: {agent: "local://gallery.numbers"}
  picture: {agent: "local://gallery.picture"}
  each:
    agent: local://gallery.look
    foreach: ${numbers.output}
    inputs: {row: "${item}"}
    on_item_failure: continue
  unlucky:
    agent: local://gallery.unlucky
    inputs: {note: "${note.output}"}
    retry_policy: {max_retries: 1, delay_ms: 5}
  never: {agent: "local://echo", when: "${note.output} == nothing", inputs: {note: "${note.output}"}}
  after: {agent: "local://echo", inputs: {made: "${unlucky.output}"}}
  all:
    agent: local://echo
    inputs: {note: "${note.output}", numbers: "${numbers.output}", picture: "${picture.output}"}
"""
TINY: Final = 'name: tiny\nnodes:\n  one: {agent: "local://echo", inputs: {text: go}}\n'
SLOW: Final = """\
# It says its words one after the other, so that they can be watched.
name: slow
inputs:
  topic: {type: string, default: tides, description: What to speak about}
nodes:
  speak:  # the only one that takes long
    agent: llm://mock/speaker
    inputs: {topic: "${user.topic}"}
    config: {script: speaker.yaml}
  after: {agent: "local://echo", inputs: {text: "${speak.output}"}}
"""
LATER: Final = """\
name: later
nodes:
  first: {agent: "local://gallery.nap"}
  speak:
    agent: llm://mock/speaker
    depends_on: [first]
    inputs: {topic: tides}
    config: {script: speaker.yaml}
"""
"""Its model is asked some time after it has begun."""
SPEAKER: Final = "- {text: 'one two three four five six seven eight nine ten', chunk_delay_ms: 300}\n"
TINY_RUNS: Final = 27
"""With the others more than one page."""
FUNCTIONS: Final = '''\
"""What the nodes of the gallery do."""
import time


def note():
    """A text with marks in it, and with what must not become a part of a page."""
    return (
        "# Tides\\n\\nThe **Moon** pulls; see [the tables](https://example.org/tables) or `tides.txt`.\\n\\n"
        "- spring tides\\n- neap tides\\n\\n| place | metres |\\n|---|---|\\n| Fundy | 16 |\\n\\n"
        "<script>window.broken = true</script><img src=x onerror=\\"window.broken = true\\">\\n\\n"
        "[bad](javascript:window.broken=true) ![far](https://example.org/far.png)\\n"
    )


def nap():
    """Takes a while."""
    time.sleep(2)


def numbers():
    """A table."""
    return [{"place": name, "metres": size, "known": size > 2} for name, size in
            [("Fundy", 16.3), ("Ungava", 16.2), ("Bristol", 14.6), ("Naples", 0.3)]]


def picture():
    """A picture of two pixels."""
    return ("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAEElEQVR4nGP4z8DA8J8BAAj/"
            "Af/K2sy3AAAAAElFTkSuQmCC")


def look(row):
    """One item fails."""
    if row["metres"] < 1:
        raise ValueError(f"there is no tide to speak of at {row['place']}")
    return f"{row['place']}: {row['metres']} m"


def unlucky(note):
    """Fails every time."""
    raise RuntimeError("the tables of this year are not printed yet")
'''


@dataclass(frozen=True)
class Material:
    """A folder with a store, and the ids of the runs in it."""

    folder: Path
    research: str
    fork: str
    """Of `research`, with another prompt and an edited artifact."""
    gallery: str
    waiting: str
    large: str
    """2,000 nodes."""

    @property
    def store(self) -> Path:
        return self.folder / ".binex"


async def make_material(folder: Path, *, nodes: int = 2000) -> Material:
    """Run workflows in *folder* until there is one of each sort."""
    for name in ("research", "review"):
        shutil.copytree(EXAMPLES / name, folder / name)
    (folder / "gallery.py").write_text(FUNCTIONS, encoding="utf-8")
    (folder / "gallery.yaml").write_text(GALLERY, encoding="utf-8")
    (folder / "large.yaml").write_text(_large(nodes), encoding="utf-8")
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (folder / "slow.yaml").write_text(SLOW, encoding="utf-8")
    (folder / "later.yaml").write_text(LATER, encoding="utf-8")
    (folder / "speaker.yaml").write_text(SPEAKER, encoding="utf-8")
    async with open_session(folder / ".binex") as session:
        for _ in range(TINY_RUNS):
            await _run(session, folder / "tiny.yaml")
        large = await _run(session, folder / "large.yaml")
        gallery = await _run(session, folder / "gallery.yaml")
        research = await _run(session, folder / "research" / "flow.yaml")
        waiting = await _run(session, folder / "review" / "flow.yaml")
        fork = await session.fork(research.id, await _otherwise(session, research))
    return Material(folder, research.id, fork.run.id, gallery.id, waiting.id, large.id)


async def _run(session: Session, file: Path) -> Run:
    return (await session.run(file)).run


async def _otherwise(session: Session, run: Run) -> ForkRequest:
    """Another prompt for the report, and another finding of the first search."""
    found = final_records(await session.store.list_records(run.id))["search[0]"]
    artifact = await session.store.get(found.output_artifacts[0])
    assert artifact is not None
    assert isinstance(artifact.content, dict)
    finding = {**artifact.content, "answer": "The Moon and the Sun pull at the oceans."}
    prompt = Change(
        kind=ChangeKind.FIELD,
        node="report",
        path=("system_prompt",),
        value="Write two sentences from the findings. Name the sources.",
        option="--prompt report",
    )
    return ForkRequest(
        fields=(prompt,),
        edits=(Edit(task="search[0]", output="finding", value=finding),),
    )


def _large(nodes: int) -> str:
    """A start, many alike in a few layers, and an end."""
    lines = ["name: large", "nodes:", '  start: {agent: "local://echo", inputs: {text: go}}']
    before = "start"
    for layer in range(4):
        names = [f"work{layer}_{number}" for number in range((nodes - 5) // 4)]
        lines += [f'  {name}: {{agent: "local://echo", inputs: {{text: "${{{before}.output}}"}}}}' for name in names]
        before = f"join{layer}"
        lines.append(f'  {before}: {{agent: "local://echo", inputs: {{text: go}}, depends_on: [{", ".join(names)}]}}')
    return "\n".join(lines) + "\n"
