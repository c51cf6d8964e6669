"""JSON that is written a piece at a time is JSON, whatever is in it."""

import io
import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.models.json_value import encode_json
from binex.models.question import Answer
from binex.models.task import now
from binex.reports.json_stream import JsonStream, encoded, one_line, with_members

TEXT = st.text(st.characters(exclude_categories=[]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def _is_safe(text: str) -> bool:
    return text.encode().decode() == text and not any(c in text for c in "\x1b\x9b\u202e\n\r")


@given(VALUES)
def test_a_value_comes_back_as_it_was_lone_surrogates_included(value: JsonValue) -> None:
    text = encoded(value)
    assert _is_safe(text)
    assert json.loads(text) == value


@given(VALUES)
def test_what_is_kept_of_an_artifact_is_copied_onto_one_line(value: JsonValue) -> None:
    text = one_line(encode_json(value))
    assert _is_safe(text)
    assert json.loads(text) == value


def test_what_is_kept_is_not_read_and_written_again() -> None:
    assert (
        one_line(b'{"a": 1.00,\r\n "a": 12345678901234567890.5e-3}') == '{"a": 1.00,   "a": 12345678901234567890.5e-3}'
    )


def test_members_stand_in_the_place_of_those_of_a_model() -> None:
    answer = Answer(value={"a": "\ud800"}, by="ann", at=now())
    found = json.loads(with_members(answer, value="[1]", more="2"))
    assert (found["value"], found["more"], found["by"]) == ([1], 2, "ann")


async def test_a_document_is_one_object_with_a_line_for_every_element() -> None:
    async def values() -> "object":
        for value in (1, {"b": "ü"}):
            yield value

    file = io.BytesIO()
    stream = JsonStream(file)
    stream.member("one", "x")
    assert stream.listed("none", []) == 0
    assert await stream.members("some", values()) == 2  # type: ignore[arg-type]
    stream.end()
    assert json.loads(file.getvalue()) == {"one": "x", "none": [], "some": [1, {"b": "ü"}]}
    assert file.getvalue().decode().splitlines()[4:6] == ["  1,", '  {"b": "ü"}']
