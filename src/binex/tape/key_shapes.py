"""What the keys of well-known services look like, and what a user says that secrets look like."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from binex.errors import InputError


@dataclass(frozen=True, slots=True)
class KeyShape:
    """What one kind of key looks like: one of the texts it starts with, and a regular expression for the rest.

    The fixed start is what makes looking for it fast. ``is_label`` says that the start is no part of the secret.
    """

    name: str
    starts: tuple[str, ...]
    rest: str
    is_label: bool = False

    def finders(self, text: str) -> Iterator[re.Pattern[str]]:
        """The expressions that are worth looking for in *text*; their group ``secret`` is what has to go."""
        return (_finder(self, start) for start in self.starts if start in text)


@cache
def _finder(shape: KeyShape, start: str) -> re.Pattern[str]:
    literal = re.escape(start)
    # Not inside a longer word; a JSON escape such as \n is no part of a word.
    alone = rf"(?:(?<![A-Za-z0-9_]{literal})|(?<=\\[nrt]{literal}))" if start[0].isalnum() else ""
    if shape.is_label:
        return re.compile(rf"{literal}{alone}(?P<secret>{shape.rest})")
    return re.compile(rf"(?P<secret>{literal}{alone}{shape.rest})")


_PEM_NAME: Final = r"(?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?"
_PEM_TEXT: Final = r"(?:[A-Za-z0-9+/=:,.()\s]|-(?!-)|\\[nrt])"
_TOKEN: Final = r"[A-Za-z0-9._~+/-]{20,}={0,2}"

KEY_SHAPES: Final = (
    KeyShape(
        "a private key",
        ("-----BEGIN ",),
        rf"{_PEM_NAME}-----(?:{_PEM_TEXT}{{0,20000}}?-----END {_PEM_NAME}-----"
        r"|(?:(?:\s|\\[nrt])*[A-Za-z0-9+/=]{16,})*)",
    ),
    KeyShape("an API key", ("sk-", "rk-", "pk-"), r"[A-Za-z0-9_-]{20,}"),
    KeyShape("a Stripe key", ("sk_live_", "sk_test_", "rk_live_", "rk_test_"), r"[A-Za-z0-9]{16,}"),
    KeyShape("a GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"), r"[A-Za-z0-9_]{30,}"),
    KeyShape("a GitLab token", ("glpat-",), r"[A-Za-z0-9_-]{20,}"),
    KeyShape("an AWS key", ("AKIA", "ASIA"), r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    KeyShape("a Google API key", ("AIza",), r"[A-Za-z0-9_-]{35}"),
    KeyShape("a Google token", ("ya29.",), r"[A-Za-z0-9_-]{20,}"),
    KeyShape("a Slack token", ("xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-"), r"[A-Za-z0-9-]{10,}"),
    KeyShape("a Hugging Face token", ("hf_",), r"[A-Za-z0-9]{30,}"),
    KeyShape("an npm token", ("npm_",), r"[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    KeyShape("a JSON Web Token", ("eyJ",), r"[A-Za-z0-9_-]{8,400}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,}"),
    KeyShape("a bearer token", ("Bearer ", "bearer ", "BEARER "), _TOKEN, is_label=True),
    KeyShape("basic credentials", ("Basic ", "basic ", "BASIC "), r"[A-Za-z0-9+/]{20,}={0,2}", is_label=True),
    KeyShape(
        "a password in a URL",
        ("://",),
        r"[A-Za-z0-9._~%+-]{0,64}:[^\s:/?#@\[\]\"'\\$<>{}]{3,256}(?=@)",
        is_label=True,
    ),
)
"""What keys look like.

None of them takes a quote or half an escape, so that JSON stays JSON; none looks far ahead in vain, so that
no text is slow to search.
"""


def compile_pattern(text: str) -> re.Pattern[str]:
    """A pattern of a user's for what is secret: its group ``secret`` where it has one, else all that it matches.

    Raises:
        InputError: it is no regular expression, or one that matches everywhere.
    """
    try:
        compiled = re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise InputError(f"redaction pattern {text!r} is not a regular expression: {error}") from error
    if compiled.match("") is not None:
        raise InputError(
            f"redaction pattern {text!r} matches an empty text, and so everywhere",
            fix="say what a secret has at the least, as in `acme-[0-9a-f]{16,}`",
        )
    return compiled if "secret" in compiled.groupindex else re.compile(f"(?P<secret>{text})")
