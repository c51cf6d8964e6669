"""Text that is shown while it comes in shows no secret, in whatever pieces it comes."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binex.errors import InputError
from binex.tape.live import StreamRedactor
from binex.tape.redaction import Redactor

KEY = "sk-proj-Ab3dEf6hIjAb3dEf6hIj"


def show(redactor: Redactor, pieces: Sequence[str]) -> str:
    stream = StreamRedactor(redactor)
    return "".join([*map(stream.feed, pieces), stream.end()])


@given(st.lists(st.text(st.sampled_from("abcnary- \n"), max_size=5)), st.integers(1, 7), st.integers(0, 30))
def test_a_known_value_never_shows(around: list[str], size: int, at: int) -> None:
    secret = "canary-can"
    text = "".join(around)
    text = text[:at] + secret + text[at:]
    shown = show(Redactor([secret, "carry"]), [text[n : n + size] for n in range(0, len(text), size)])
    assert secret not in shown and "carry" not in shown
    assert re.sub(r"\[redacted\]", "", shown).replace(" ", "") in text.replace(" ", "") or "[redacted]" in shown


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_nothing_but_the_secrets_is_changed(size: int) -> None:
    text = f"the value is hunter2hunter2, the key {KEY}, and Bearer {'x' * 30} is all there is. Bye"
    shown = show(Redactor(["hunter2hunter2"]), [text[n : n + size] for n in range(0, len(text), size)])
    assert shown == "the value is [redacted], the key [redacted], and Bearer [redacted] is all there is. Bye"


def test_what_cannot_be_a_secret_is_shown_at_once() -> None:
    stream = StreamRedactor(Redactor(["hunter2hunter2"]))
    assert [stream.feed(text) for text in ("hello ", "world, ", "it is hun", "dred")] == [
        "hello ",
        "world, ",
        "it is ",
        "hundred",
    ]


def test_patterns_of_the_user_are_cut() -> None:
    redactor = Redactor((), custom=[r"acme-[0-9]{4}", r"pin=(?P<secret>\d+)"])
    assert redactor.has_values
    assert redactor.redact_text("acme-1234 pin=99;", shapes=False) == "[redacted] pin=[redacted];"
    assert redactor.redact_bytes(b'{"a": "acme-1234"}') == b'{"a": "[redacted]"}'


@pytest.mark.parametrize("pattern", ["acme-[", "x*", "(?P<secret>", "a{99999999999}"])
def test_a_pattern_that_cannot_be_used_is_named(pattern: str) -> None:
    with pytest.raises(InputError, match=re.escape(repr(pattern))):
        Redactor((), custom=[pattern])


def test_adding_what_is_known_changes_nothing() -> None:
    redactor = Redactor(["canary-0123"])
    before = redactor.forms
    redactor.add(["canary-0123", "abc", ""])
    assert redactor.forms is before
    redactor.add(["another-one"])
    assert redactor.redact_text("another-one canary-0123", shapes=False) == "[redacted] [redacted]"
