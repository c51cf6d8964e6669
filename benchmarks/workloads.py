"""Writes the workflow files that are measured, each into a folder of its own with its functions beside it."""

import json
import random
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchmarks.harness import HERE, RESULTS

Fields = Mapping[str, object]


def chain(nodes: int, function: str = "step") -> Path:
    """n0 → n1 → …, each passing a number on; the last one checks it."""
    return _workflow(f"chain-{function}-{nodes}", _links(nodes, f"local://steps.{function}"))


def chain_of_texts(nodes: int, size: int) -> Path:
    """n0 → n1 → …, each passing another text of *size* bytes on."""
    links: list[tuple[str, Fields]] = [("n0", {"agent": "local://steps.text_of", "inputs": {"size": size}})]
    for number in range(1, nodes):
        inputs = {"text": f"${{n{number - 1}.output}}"}
        links.append((f"n{number}", {"agent": "local://steps.turn", "inputs": inputs}))
    return _workflow(f"texts-{nodes}-{size}", links)


def fan_out(items: int, concurrency: int) -> Path:
    """1 → *items* → 1."""
    nodes: list[tuple[str, Fields]] = [
        ("plan", {"agent": "local://steps.count", "inputs": {"n": items}}),
        (
            "each",
            {
                "agent": "local://steps.step",
                "foreach": "${plan.output}",
                "max_items": items,
                "inputs": {"n": "${item}"},
            },
        ),
        (
            "join",
            {
                "agent": "local://steps.add",
                "inputs": {"values": "${each.output}", "expected": items * (items + 1) // 2},
            },
        ),
    ]
    return _workflow(f"fan-out-{items}", nodes, concurrency=concurrency)


def naps(nodes: int, seconds: float) -> Path:
    """*nodes* that depend on nothing, await *seconds* each and may all do so at once."""
    nap = {"agent": "local://steps.nap", "inputs": {"seconds": seconds}}
    return _workflow(f"naps-{nodes}", [(f"n{number}", nap) for number in range(nodes)], concurrency=nodes)


def layered(nodes: int, edges: int, width: int = 50, *, start: object = 0) -> Path:
    """Layers of *width* nodes, each needing *edges* random nodes of the layer before.

    The first node begins with *start*, the others of its layer with their numbers.
    """
    chance = random.Random(7)
    graph: list[tuple[str, Fields]] = []
    for number in range(nodes):
        layer = number // width
        inputs: dict[str, object] = {"a": number or start}
        if layer:
            chosen = chance.sample(range((layer - 1) * width, layer * width), edges)
            inputs = {name: f"${{n{parent}.output}}" for name, parent in zip("abcde", chosen, strict=False)}
        graph.append((f"n{number}", {"agent": "local://steps.mix", "inputs": inputs}))
    return _workflow(f"layered-{nodes}", graph)


def fans(nodes: int, fans: int = 4) -> Path:
    """One after the other: many alike nodes that need the same one, and one that comes after all of them."""
    graph: list[tuple[str, Fields]] = [("start", {"agent": "local://echo", "inputs": {"text": "go"}})]
    before = "start"
    for fan in range(fans):
        names = [f"work{fan}_{number}" for number in range((nodes - fans - 1) // fans)]
        graph += [(name, {"agent": "local://echo", "inputs": {"text": f"${{{before}.output}}"}}) for name in names]
        before = f"join{fan}"
        graph.append((before, {"agent": "local://echo", "inputs": {"text": "go"}, "depends_on": names}))
    return _workflow(f"fans-{nodes}", graph)


def asks(nodes: int, side_by_side: int = 10) -> Path:
    """Chains of questions to a scripted model, *side_by_side*; each node is given the answer before it."""
    graph: list[tuple[str, Fields]] = []
    for number in range(nodes):
        before = number - side_by_side
        asked = f"Question {number}" if before < 0 else f"${{n{before}.output}}"
        answer = {"text": f"This is the answer number {number}."}
        fields = {"system_prompt": "Be brief.", "inputs": {"asked": asked}, "config": {"answers": [answer]}}
        graph.append((f"n{number}", {"agent": "llm://mock/model", **fields}))
    return _workflow(f"asks-{nodes}", graph)


def articles(name: str = "articles") -> Path:
    """Ten nodes, two of which ask a scripted model: a plan, notes on a subject, and what is written of them."""
    subject = "${user.subject}"
    note = {"agent": "local://steps.note", "depends_on": ["plan"]}
    nodes: list[tuple[str, Fields]] = [
        ("plan", _asked("You plan articles in short steps.", {"subject": subject})),
        *((f"note{n}", {**note, "inputs": {"subject": subject, "n": n}}) for n in range(1, 6)),
        ("first", {"agent": "local://steps.join", "inputs": {"a": "${note1.output}", "b": "${note2.output}"}}),
        ("second", {"agent": "local://steps.join", "inputs": {"a": "${note3.output}", "b": "${note4.output}"}}),
        ("both", {"agent": "local://steps.join", "inputs": {"a": "${first.output}", "b": "${second.output}"}}),
        ("write", _asked("You write one paragraph.", {"notes": "${both.output}", "more": "${note5.output}"})),
    ]
    return _workflow(name, nodes)


def _asked(prompt: str, inputs: Fields) -> Fields:
    return {"agent": "llm://mock/model", "system_prompt": prompt, "inputs": inputs}


def echoes(nodes: int, length: int = 100) -> Path:
    """Chains of *length* nodes, each passing on what it is given."""
    graph: list[tuple[str, Fields]] = []
    for number in range(nodes):
        passed = f"${{n{number - 1}.output}}" if number % length else number
        graph.append((f"n{number}", {"agent": "local://echo", "inputs": {"passed": passed}}))
    return _workflow(f"echoes-{nodes}", graph)


def one_echo() -> Path:
    """A single node that both Binex and its published release understand."""
    return _workflow("echo", [("only", {"agent": "local://echo", "inputs": {"n": 1}, "outputs": ["output"]})])


def published_chain(nodes: int) -> Path:
    """The chain for the published release: its `local://` is an echo that nests, so a plug-in adds one."""
    links: list[tuple[str, Fields]] = []
    for number in range(nodes):
        link: dict[str, object] = {"agent": "relay://step", "config": {"adapter_class": "binex_081_relay.Relay"}}
        link["inputs"] = {"n": f"${{n{number - 1}.output}}" if number else 0}
        link["outputs"] = ["output"]
        if number:
            link["depends_on"] = [f"n{number - 1}"]
        links.append((f"n{number}", link))
    return _workflow(f"published-{nodes}", links)


def _links(nodes: int, agent: str) -> Iterable[tuple[str, Fields]]:
    for number in range(nodes):
        inputs: dict[str, object] = {"n": f"${{n{number - 1}.output}}" if number else 0}
        if number == nodes - 1:
            yield f"n{number}", {"agent": "local://steps.finish", "inputs": inputs | {"expected": nodes}}
        else:
            yield f"n{number}", {"agent": agent, "inputs": inputs}


def _workflow(name: str, nodes: Iterable[tuple[str, Fields]], concurrency: int | None = None) -> Path:
    folder = RESULTS / "tmp" / "flows" / name
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["version: 1", f"name: {name}"]
    if concurrency is not None:
        lines.append(f"concurrency: {concurrency}")
    lines.append("nodes:")
    for node_id, fields in nodes:
        lines.append(f"  {node_id}:")
        lines += [f"    {field}: {json.dumps(value)}" for field, value in fields.items()]
    file = folder / "flow.yaml"
    file.write_text("\n".join(lines) + "\n")
    shutil.copy(HERE / "steps.py", folder)
    return file
