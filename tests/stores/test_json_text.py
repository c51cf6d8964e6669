"""Text is found to be JSON, or not, without values being made of it: the same that the standard library finds.

Only that a number beyond a float is none.
"""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from binex.stores.bundles.json_text import JsonText, require_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MARKS = st.sampled_from('{}[],:"\\ \n\t0123456789.eE+-truefalsn/u\x01é')


def is_json(data: bytes, step: int) -> bool:
    text = JsonText()
    try:
        for place in range(0, len(data), step):
            text.feed(data[place : place + step])
        text.end()
    except ValueError:
        return False
    return True


def is_read(data: bytes) -> bool:
    def refuse(name: str) -> None:
        raise ValueError(name)

    def finite(text: str) -> float:
        number = float(text)
        if math.isinf(number):
            raise ValueError(text)
        return number

    try:
        json.loads(data.decode(), parse_constant=refuse, parse_float=finite)
    except ValueError:
        return False
    return True


@given(VALUES, st.booleans(), st.integers(1, 40))
def test_what_was_written_as_json_is_json(value: object, is_ascii: bool, step: int) -> None:
    data = json.dumps(value, ensure_ascii=is_ascii, indent=step % 3 or None).encode()
    assert is_json(data, step)
    require_json(data)


@given(VALUES, st.lists(st.tuples(st.integers(0, 400), MARKS, st.booleans()), max_size=3), st.integers(1, 40))
@example("tru", [], 1)
@example(1, [(1, ".", True)], 1)
@example(1, [(1, "e", True), (2, "-", True)], 1)
@example([1000307], [(4, "e", False)], 1)
def test_changed_json_is_json_where_the_standard_library_says_so(
    value: object, changes: list[tuple[int, str, bool]], step: int
) -> None:
    text = list(json.dumps(value))
    for place, mark, is_new in changes:
        at = place % (len(text) + 1)
        text[at : at if is_new else at + 1] = [mark]
    data = "".join(text).encode()
    assert is_json(data, step) == is_read(data)


@given(st.binary(max_size=30), st.integers(1, 5))
def test_bytes_that_are_no_utf_8_are_no_json(data: bytes, step: int) -> None:
    text = b'"' + data + b'"'
    try:
        expected = is_read(text)
    except UnicodeDecodeError:
        expected = False
    assert is_json(text, step) == expected


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_the_limits_are_those_of_what_can_be_read_again(step: int) -> None:
    assert is_json(b"[" * 201 + b"]" * 201, step)
    assert not is_json(b"[" * 202 + b"]" * 202, step)
    assert is_json(b"9" * 4300, step)
    assert not is_json(b"9" * 4302, step)
    assert is_json(b"1e308", step)
    for word in (b"1e309", b"-1e400", b"NaN", b"Infinity", b"-Infinity"):
        assert not is_json(word, step)
        with pytest.raises(ValueError, match=r"too large|not JSON"):
            require_json(word)
