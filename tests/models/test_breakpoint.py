"""Breakpoints as they are typed, and what is said where a run stops."""

import pytest
from pydantic import JsonValue

from binex.adapters.attempt import Ask
from binex.adapters.human_answer import check_answer, read_answer
from binex.errors import InputError
from binex.models.breakpoint import (
    KEYS,
    Action,
    Breakpoint,
    Moment,
    StopDecision,
    editable,
    read_breakpoint,
    read_stop_decision,
)
from binex.models.question import QuestionKind

BEFORE = Ask(
    QuestionKind.BREAKPOINT,
    "stopped before a",
    shown={"inputs": {"x": 1}},
    choices=("continue", "step", "edit", "skip", "replay", "quit"),
)
AFTER = Ask(
    QuestionKind.BREAKPOINT,
    "stopped after a",
    shown={"outputs": {"one": 1, "two": 2}},
    choices=("continue", "step", "edit", "retry", "replay", "quit"),
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a", Breakpoint("a")),
        (" a ", Breakpoint("a")),
        ("a:before", Breakpoint("a")),
        ("a:after", Breakpoint("a", moment=Moment.AFTER)),
        ("a[3]", Breakpoint("a", item=3)),
        ("a.b-c[0]:after", Breakpoint("a.b-c", item=0, moment=Moment.AFTER)),
        ("a if ${b.c} == 'x: y'", Breakpoint("a", condition="${b.c} == 'x: y'")),
        ("a:after  if  not ${a}", Breakpoint("a", moment=Moment.AFTER, condition="not ${a}")),
        ("if if true", Breakpoint("if", condition="true")),
        ("a if 1 ==\n 1", Breakpoint("a", condition="1 ==\n 1")),
    ],
)
def test_a_breakpoint_names_a_node_or_an_item_a_moment_and_a_condition(text: str, place: Breakpoint) -> None:
    assert read_breakpoint(text) == place


@pytest.mark.parametrize(
    "text", ["", "a b", "a:", "a:during", ":after", "a if", "a ifx", "a[x]", "a[-1]", "a/b", "a#2"]
)
def test_what_is_no_breakpoint_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(InputError) as refused:
        read_breakpoint(text)
    assert refused.value.fix


def test_every_action_has_a_letter_of_its_own() -> None:
    assert sorted(KEYS.values()) == sorted(Action)
    assert all(len(key) == 1 for key in KEYS)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("c", "continue"),
        ("C", "continue"),
        (" Continue ", "continue"),
        ("k", "skip"),
        ("f", "replay"),
        ('e {"x": 2}', {"edit": {"x": 2}}),
        ('edit {"x": [1,\n2]}', {"edit": {"x": [1, 2]}}),
        ('{"edit": {"x": 2}}', {"edit": {"x": 2}}),
    ],
)
def test_a_word_its_letter_or_an_edit_is_typed(typed: str, said: JsonValue) -> None:
    assert read_answer(BEFORE, typed) == said


@pytest.mark.parametrize("typed", ["", "r", "retry", "continue now", "e", "e {", "e 1", '{"x": 2}', "e NaN", "1"])
def test_what_cannot_be_said_before_a_task_is_refused(typed: str) -> None:
    with pytest.raises(InputError):
        read_answer(BEFORE, typed)


@pytest.mark.parametrize(
    "value", [{"edit": 1}, {"edit": {"one": 1}}, {"edit": {"one": 1, "two": 2, "three": 3}}, "edit"]
)
def test_an_edit_of_several_outputs_has_exactly_their_names(value: JsonValue) -> None:
    with pytest.raises(InputError):
        check_answer(AFTER, value)
    assert check_answer(AFTER, {"edit": {"two": 1, "one": 2}}) == {"edit": {"two": 1, "one": 2}}


@pytest.mark.parametrize("value", [None, 1, True, [], {}, {"edit": 1, "x": 2}, "Continue", ["continue"]])
def test_an_answer_that_went_around_every_check_means_nothing(value: JsonValue) -> None:
    with pytest.raises(InputError):
        read_stop_decision(value, BEFORE.choices)


def test_an_edit_may_be_null() -> None:
    assert read_stop_decision({"edit": None}, ["edit"]) == StopDecision(Action.EDIT, None)


@pytest.mark.parametrize(
    ("shown", "value"),
    [
        ({"inputs": {"x": 1}}, {"x": 1}),
        ({"outputs": {"output": [1]}}, [1]),
        ({"outputs": {"a": 1, "b": 2}}, {"a": 1, "b": 2}),
        ({"error": {"message": "no"}}, None),
    ],
)
def test_what_is_edited_are_all_inputs_the_output_or_all_outputs(shown: JsonValue, value: JsonValue) -> None:
    assert editable(shown) == value
