"""What may be kept of an agent's answer, byte by byte."""

import enum
import json
import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.errors import BadOutputError
from binex.models.json_value import MAX_DEPTH, MAX_DIGITS, decode_json, encode_json

any_text = st.text(st.characters(codec=None, exclude_categories=()))  # lone surrogates and NUL too
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=20,
)


def nested(levels: int, core: object = 1) -> object:
    value = core
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def is_same(a: object, b: object) -> bool:
    """Equal in value and in type, at every depth: 1 is not 1.0, and 0.0 is not -0.0."""
    return repr(a) == repr(b)


@given(json_values)
@example("\ud800")
@example({"\udfff": ["a\0b", -0.0, 10**300, 5e-324, 1.7976931348623157e308]})
@example(nested(MAX_DEPTH))
@example(nested(MAX_DEPTH, "\ud800"))
def test_every_json_value_comes_back_as_it_was(value: JsonValue) -> None:
    assert is_same(decode_json(encode_json(value)), value)


@given(json_values)
def test_what_is_kept_is_json_for_everybody(value: JsonValue) -> None:
    assert is_same(json.loads(encode_json(value).decode("utf-8")), value)


def test_each_reading_gives_a_value_of_its_own() -> None:
    data = encode_json({"hits": [1]})
    first = decode_json(data)
    assert isinstance(first, dict)
    first["hits"] = None
    assert decode_json(data) == {"hits": [1]}


def test_the_text_is_compact_utf8_with_the_keys_in_their_order() -> None:
    assert encode_json({"b": "é", "a": [1, 2.5, None]}) == '{"b":"é","a":[1,2.5,null]}'.encode()


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Ratio(float): ...


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ((1, (2, [3])), [1, [2, [3]]]),
        (Colour.RED, "red"),
        ({Colour.RED: Level.LOW}, {"red": 1}),
        (Ratio(0.5), 0.5),
        (True, True),
        ({"a": (1, "\ud800")}, {"a": [1, "\ud800"]}),
    ],
)
def test_what_has_a_lossless_form_is_kept_in_it(value: object, kept: JsonValue) -> None:
    assert is_same(decode_json(encode_json(value)), kept)


class Custom: ...


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "not JSON: nan is not a finite number"),
        ({"hits": [1, {"score": math.inf}]}, "not JSON: inf at .hits[1].score is not a finite number"),
        (float("1e400"), "not JSON: inf is not a finite number"),
        (b"raw", "not JSON: a value of type bytes"),
        ({"a": b"raw"}, "not JSON: a value of type bytes at .a"),
        ({1: "a"}, "not JSON: the key 1 is int, not text"),
        ({"a": {None: 1}}, "not JSON: the key None at .a is NoneType, not text"),
        ({b"a": 1}, "not JSON: the key b'a' is bytes, not text"),
        ({(1, 2): 1}, "not JSON: the key (1, 2) is tuple, not text"),
        ([{1, 2}], "not JSON: a value of type set at [0]"),
        (datetime.now(UTC), "not JSON: a value of type datetime"),
        (Decimal(1), "not JSON: a value of type Decimal"),
        (1j, "not JSON: a value of type complex"),
        ([Custom()], "not JSON: a value of type Custom at [0]"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(value: object, message: str) -> None:
    with pytest.raises(BadOutputError) as caught:
        encode_json(value)
    assert caught.value.message == message
    assert not caught.value.is_retryable


def test_an_integer_that_could_not_be_read_again_is_refused() -> None:
    longest = [10**MAX_DIGITS - 1, -(10**MAX_DIGITS) + 1]
    assert decode_json(encode_json(longest)) == longest
    for value in (10**MAX_DIGITS, -(10**5000)):
        with pytest.raises(BadOutputError, match=r"an integer of more than 4,300 digits at \.n\[0\]"):
            encode_json({"n": [value]})


def test_what_is_nested_too_deeply_is_refused() -> None:
    for value in (nested(MAX_DEPTH + 1), nested(100_000), nested(MAX_DEPTH + 1, (1,))):
        with pytest.raises(BadOutputError, match="not JSON: nested deeper than 200 levels, or a circle"):
            encode_json(value)


def test_a_circle_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    ring: dict[str, object] = {}
    ring["a"] = [ring, ring, ring]
    for value in (loop, ring):
        with pytest.raises(BadOutputError, match="or a circle"):
            encode_json(value)


@pytest.mark.parametrize("depth", range(MAX_DEPTH - 3, MAX_DEPTH + 4))
def test_lists_tuples_and_odd_text_have_one_and_the_same_limit_of_depth(depth: int) -> None:
    for value in (nested(depth), nested(depth - 1, (1,)), nested(depth, "\ud800")):
        if depth <= MAX_DEPTH:
            assert decode_json(encode_json(value)) is not None
        else:
            with pytest.raises(BadOutputError):
                encode_json(value)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"NaN", b"[Infinity]", b"-Infinity", b"\xff", b"{'a': 1}", b"1 2", b'{"a":1']
)
def test_what_was_not_written_as_json_cannot_be_read(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode_json(data)
