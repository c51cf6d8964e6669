"""Runs that are not like most: with too much of something, stopped on the way, or brought in from elsewhere."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from binex.models.breakpoint import read_breakpoint
from binex.models.change import Change, ChangeKind
from binex.runtime.forks.request import Edit, ForkRequest
from binex.runtime.session import open_session
from binex.runtime.stops.stops import Stops
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.bundles.importing import bring_in
from binex.stores.bundles.reading import Bundle
from binex.stores.bundles.writing import write_bundle
from binex.telemetry.foreign.importing import import_traces
from tests.telemetry.traces import openinference

ITEMS: Final = 200
ENTRIES: Final = 10_000
ODD: Final = f"""\
name: odd
description: Values that are too long, too many or not what they look like
nodes:
  long: {{agent: "local://odd.long"}}
  many: {{agent: "local://odd.many"}}
  rows: {{agent: "local://odd.rows"}}
  hostile: {{agent: "local://odd.hostile", outputs: [script, colours, turned]}}
  flaky: {{agent: "local://odd.flaky", retry_policy: {{max_retries: 3, delay_ms: 60}}}}
  list: {{agent: "local://odd.numbers"}}
  each:
    agent: local://odd.one
    foreach: ${{list.output}}
    max_items: {ITEMS}
    inputs: {{number: "${{item}}"}}
    on_item_failure: continue
  never: {{agent: "local://echo", when: "${{rows.output}} == 1", inputs: {{rows: "${{rows.output}}"}}}}
  last: {{agent: "local://echo", inputs: {{each: "${{each.output}}", flaky: "${{flaky.output}}"}}}}
"""
FUNCTIONS: Final = f'''\
"""What the nodes do."""

import pathlib
import time


def long():
    """Two megabytes of text."""
    return "A line of some words, and their number is as it is.\\n" * 40_000


def many():
    """As many entries as nobody reads."""
    return {{f"key {{number}}": {{"number": number, "odd": number % 2 == 1}} for number in range({ENTRIES})}}


def rows():
    """Lists in a list, which are a table too."""
    return [[number, number * number, f"row {{number}}"] for number in range(120)]


def hostile():
    """What must not become a part of the page, and must not look like something else."""
    return {{
        "script": "<script>window.broken = true</script><img src=x onerror='window.broken = true'>",
        "colours": "\\x1b[31mred\\x1b[0m and a bell \\x07, and back\\x08space",
        "turned": "file \\u202egnp.exe and \\u2066inside\\u2069 it, zero\\u200bwidth",
    }}


def flaky():
    """Works at the third attempt."""
    kept = pathlib.Path(__file__).with_name("attempts.txt")
    count = int(kept.read_text()) if kept.exists() else 0
    kept.write_text(str(count + 1))
    if count % 3 < 2:
        raise ConnectionError(f"attempt {{count % 3 + 1}} met nobody")
    return "at last"


def numbers():
    """What there is an item for."""
    return list(range({ITEMS}))


def one(number):
    """Takes a moment; some fail."""
    time.sleep(0.002)
    if number % 50 == 7:
        raise ValueError(f"{{number}} is not to my taste")
    return number * 2
'''
WORDS: Final = """\
name: words
inputs: {topic: {type: string, default: tides}}
nodes:
  draft:
    agent: llm://mock/author
    system_prompt: Write one sentence.
    inputs: {topic: "${user.topic}"}
    config: {script: author.yaml}
  shout: {agent: "local://shouting.shout", inputs: {text: "${draft.output}"}}
  after: {agent: "local://echo", inputs: {text: "${shout.output}"}}
"""
AUTHOR: Final = """\
- {text: "The Moon pulls at the oceans, and they follow it.",
   usage: {input_tokens: 1200, output_tokens: 340}, price: 0.0087}
"""
SHOUTING: Final = 'def shout(text):\n    """Louder."""\n    return text.upper()\n'
GATE: Final = """\
name: gate
nodes:
  draft: {agent: "local://echo", inputs: {text: "A draft, **short**."}}
  approve:
    agent: human://approve
    system_prompt: May this go out?
    inputs: {draft: "${draft.output}"}
    outputs: decision
  send: {agent: "local://echo", when: "${approve.decision} == approved", inputs: {text: "${draft.output}"}}
"""
ROUNDS: Final = """\
name: rounds
nodes:
  speak:
    agent: llm://mock/speaker
    system_prompt: Count.
    inputs: {topic: tides}
    tools: ["python://counting.count"]
    config: {script: rounds_script.yaml}
"""
ROUNDS_SCRIPT: Final = """\
- {text: 'first I have to count the words', chunk_delay_ms: 100, tool_calls: [{name: count, arguments: {text: a b c}}]}
- {text: 'there are three of them and that is all there is to say', chunk_delay_ms: 3000}
"""
COUNTING: Final = 'def count(text: str) -> int:\n    """How many words."""\n    return len(text.split())\n'


@dataclass(frozen=True)
class Oddities:
    """A folder with a store, and the ids of the runs in it."""

    folder: Path
    odd: str
    words: str
    forks: tuple[str, str]
    """Of `words`: with another output, and with another prompt."""
    replay: str
    """Of `words`."""
    stopped: str
    """At a breakpoint."""
    gate: str
    wide: str
    """300 nodes of which few are alike."""
    imported: str
    """From a bundle; it would execute a function."""
    foreign: str
    """The trace of another program."""

    @property
    def store(self) -> Path:
        return self.folder / ".binex"


async def make_oddities(folder: Path) -> Oddities:
    """Run workflows in *folder*, and bring some in, until there is one of each sort."""
    files = {
        "odd.yaml": ODD, "odd.py": FUNCTIONS, "words.yaml": WORDS, "author.yaml": AUTHOR, "shouting.py": SHOUTING,
        "gate.yaml": GATE, "wide.yaml": _wide(300), "counting.py": COUNTING,
        "talk.yaml": ROUNDS, "rounds_script.yaml": ROUNDS_SCRIPT,
    }  # fmt: skip
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        (elsewhere / name).write_text(text, encoding="utf-8")
    imported, foreign = await _bring_in(folder, elsewhere)
    async with open_session(folder / ".binex") as session:
        wide = (await session.run(folder / "wide.yaml")).run.id
        odd = (await session.run(folder / "odd.yaml")).run.id
        words = (await session.run(folder / "words.yaml")).run.id
        edit = Edit(task="draft", output="output", value="The Moon and the Sun pull at the oceans.")
        first = await session.fork(words, ForkRequest(edits=(edit,)))
        prompt = Change(
            kind=ChangeKind.FIELD, node="draft", path=("system_prompt",), value="Write two.", option="--prompt draft"
        )
        second = await session.fork(words, ForkRequest(fields=(prompt,)))
        replay = await session.replay(words)
        stops = Stops((read_breakpoint("shout"),))
        stopped = (await session.run(folder / "words.yaml", stops=stops)).run.id
        gate = (await session.run(folder / "gate.yaml")).run.id
    return Oddities(
        folder, odd, words, (first.run.id, second.run.id), replay.run.id, stopped, gate, wide, imported, foreign
    )


async def _bring_in(folder: Path, elsewhere: Path) -> tuple[str, str]:
    """A run of another machine, without its folder, and the trace of another program."""
    async with open_session(elsewhere / ".binex") as session:
        run = (await session.run(elsewhere / "words.yaml")).run
        bundle = io.BytesIO()
        await write_bundle(session.store, run, bundle)
    bundle.seek(0)
    async with open_sqlite_store(folder / ".binex") as store:
        imported = await bring_in(store, Bundle.open(bundle), folder)
        traces = await import_traces(store, io.BytesIO(json.dumps(openinference()).encode()))
    return imported.run.id, traces.traces[0].run.id


def _wide(nodes: int) -> str:
    """Chains beside each other that meet now and then, so that hardly two nodes are alike."""
    lines = ["name: wide", "nodes:"]
    for number in range(nodes):
        given = f'made: "${{n{number - 7}.output}}"' if number >= 7 else "text: go"
        after = f", depends_on: [n{number - 11}]" if number >= 11 and number % 3 == 0 else ""
        lines.append(f'  n{number}: {{agent: "local://echo", inputs: {{{given}}}{after}}}')
    return "\n".join(lines) + "\n"
