"""What a run has otherwise than its parent, in a few words."""

import pytest

from binex.analysis.origin import change_in_words
from binex.models.change import Change, ChangeKind
from binex.models.run import Origin, RunMode


def field(node: str, *path: str | int, value: object = None) -> Change:
    return Change.model_validate({"kind": "field", "node": node, "path": path, "value": value})


def variable(name: str, value: object) -> Change:
    return Change.model_validate({"kind": "variable", "path": (name,), "value": value})


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ({"mode": "replay"}, "replay"),
        ({}, "fork"),
        ({"fork_points": ("think", "each[3]")}, "from think, each[3]"),
        ({"changes": (field("think", "config", "temperature", value=0),)}, "think: config.temperature=0"),
        ({"changes": (field("a", "messages", 0, "content", value="two words"),)}, "a: messages[0].content"),
        ({"changes": (field("a", "agent", value="llm://mock/b"), field("a", "inputs", "x", value=True))},
         "a: agent=llm://mock/b, inputs.x=true"),
        ({"changes": (field("a", "system_prompt", value="x" * 200),)}, "a: system_prompt"),
        ({"changes": (field("a", "inputs", value={"b": 1}),)}, "a: inputs"),
        ({"changes": (variable("topic", "bees"), variable("n", [1]))}, "--var topic=bees; --var n"),
        ({"changes": (Change(kind=ChangeKind.ARTIFACT, node="each[2]", path=("output",)),)}, "edited each[2].output"),
        ({"changes": (Change(kind=ChangeKind.WORKFLOW, value="/x/flow.yaml"),)}, "today's workflow"),
        ({"mode": "replay", "changes": (Change(kind=ChangeKind.FAULT, node="think", value="429"),)},
         "replay; think: fault=429"),
        ({"fork_points": tuple(f"t{i}" for i in range(9))}, "from t0, t1, t2, t3 and 5 more"),
        ({"fork_points": ("a",), "changes": tuple(variable(f"v{i}", i) for i in range(9))},
         "from a; --var v0=0; --var v1=1; --var v2=2; and 6 more"),
        ({"changes": (variable("v", "\x1b[31m"), variable("w", "a\nb"))}, "--var v; --var w"),
    ],
    ids=range(15),
)  # fmt: skip
def test_a_change_is_said_in_a_few_words(origin: dict[str, object], words: str) -> None:
    said = {"parent": "1aaa1", "mode": RunMode.FORK} | origin
    assert change_in_words(Origin.model_validate(said)) == words
