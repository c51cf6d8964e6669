"""What differs between two requests is said in few words, whatever they are."""

import json
import time

import pytest

from binex.tape.difference import difference_of, likeness_of


def said(before: object, after: object) -> str:
    return difference_of(json.dumps(before).encode(), json.dumps(after).encode())


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ({"a": 1}, {"a": 2}, "a: 1 → 2"),
        ({"a": 1}, {"a": True}, "a: 1 → true"),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "a.b[1]: 2 → 3"),
        ({"a": 1}, {"b": None}, "a: 1 → nothing; b: nothing → null"),
        ([{"a": []}], [{"a": {}}], "[0].a: [] → {}"),
        ({"a": "tide\n"}, {"a": "tide\x1b"}, 'a: "tide\\n" → "tide\\u001b"'),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "only the order or the form of what is asked differs"),
        ({}, {"a": 1}, "the request: {} → nothing; a: nothing → 1"),
    ],
)
def test_json_is_compared_by_its_paths(before: object, after: object, shown: str) -> None:
    assert said(before, after) == shown


def test_many_changes_are_counted() -> None:
    assert said({str(n): n for n in range(50)}, {str(n): -n for n in range(50)}).endswith("; and 44 more")


def test_what_changes_by_chance_is_not_shown() -> None:
    one = {
        "jsonrpc": "2.0",
        "id": 1,
        "params": {"messageId": "a", "at": "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "n": 1},
    }
    two = {
        "jsonrpc": "2.0",
        "id": 2,
        "params": {"messageId": "b", "at": "00000000-8b86-d011-b42d-00cf4fc964fe", "n": 2},
    }
    assert said(one, two) == "params.n: 1 → 2"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (b"q=tides&n=1", b"q=waves&n=1", 'the request: "q=tides&n=1" → "q=waves&n=1"'),
        (b"", b"something", 'the request: "" → "something"'),
        (b"\xff\x00", b"{}", 'the request: "\ufffd\\u0000" → "{}"'),
        (b'{"half": ', b'{"half": 1}', 'the request: "{\\"half\\": " → "{\\"half\\": 1}"'),
    ],
)
def test_anything_else_is_compared_as_a_text(before: bytes, after: bytes, shown: str) -> None:
    assert difference_of(before, after) == shown


def test_long_texts_are_shown_around_the_first_difference() -> None:
    shown = difference_of(b"x" * 100_000 + b" tides " + b"y" * 100_000, b"x" * 100_000 + b" waves " + b"y" * 100_000)
    assert "tides y" in shown and "waves y" in shown and len(shown) < 150


def test_what_is_deep_or_large_holds_nobody_up() -> None:
    deep = b"[" * 5_000 + b"]" * 5_000
    started = time.monotonic()
    assert difference_of(deep, b"[1]") and difference_of(b"[" * 200_000, b"[1]")
    assert difference_of(json.dumps(list(range(500_000))).encode(), b"[1]")
    assert difference_of(b"x" * 20_000_000 + b"a", b"x" * 20_000_000 + b"b")
    assert time.monotonic() - started < 10


def test_likeness_tells_what_has_more_in_common() -> None:
    asked = json.dumps({"model": "small", "messages": [{"role": "user", "content": "tides"}]}).encode()
    near = json.dumps({"model": "small", "messages": [{"role": "user", "content": "waves"}]}).encode()
    far = json.dumps({"model": "large", "input": "tides"}).encode()
    assert likeness_of(asked, asked) == 1.0 > likeness_of(near, asked) > likeness_of(far, asked)
    assert likeness_of(b"", b"") == 1.0
    assert likeness_of(b"one two", b"one three") > likeness_of(b"four", b"one three")
