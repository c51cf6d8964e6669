"""What counts as a word in a text, and which words a search asks for: the same for the index and for a plain look.

A word is a run of letters and digits, whatever their case, their accents and their width: ``Küche`` is ``kuche`` and
``STRASSE`` is ``straße``. Scripts that are written without spaces (and Korean, whose words carry their particles with
them) give a word for each character, so that any part of a sentence is found. Everything else separates words.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from binex.errors import InputError

MOST_TEXT_BYTES: Final = 1024 * 1024
"""So much of the beginning of a text can be found."""
_MOST_PHRASES: Final = 50
_ALNUM: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ASCII: Final = {code: chr(code).lower() if code in _ALNUM else " " for code in range(128)}
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")
_SINGLE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese and Korean."""
_SINGLES: Final = re.compile(f"([{_SINGLE}])")
_BETWEEN: Final = re.compile(r"[\W_]+")
_ESCAPED: Final = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))"
)
_PLAIN: Final = {"n": "\n", "t": "\t", "r": "\r", "b": " ", "f": "\n"}
_ASKED: Final = re.compile(r'"(?P<phrase>[^"]*)"?(?P<star>\*?)|(?P<word>[^\s"]+)')


class Phrase(NamedTuple):
    """Words that have to follow each other."""

    words: tuple[str, ...]
    is_beginning: bool = False
    """Whether the last one may go on."""


def read_search(text: str) -> tuple[Phrase, ...]:
    """What a search asks for: words, which must all occur, ``"a phrase"``, and ``begin*``; nothing else is special.

    Raises:
        InputError: there is no letter and no digit in it, or too much.
    """
    phrases = []
    for found in _ASKED.finditer(text):
        asked = found["phrase"] if found["word"] is None else found["word"]
        words = tuple(words_of(asked).split())
        is_beginning = bool(found["star"]) or (found["word"] or "").endswith("*")
        if words:
            phrases.append(Phrase(words, is_beginning))
    unique = tuple(dict.fromkeys(phrases))
    if not unique:
        raise InputError(
            f"nothing to look for in {text[:60]!r}: no letter and no digit",
            fix='as in: ebb tide, "ebb and flow", tid*',
        )
    if len(unique) > _MOST_PHRASES:
        raise InputError(f"{len(unique)} words are too many to look for", fix=f"at most {_MOST_PHRASES}")
    return unique


def words_of(text: str) -> str:
    """The words of *text* in their order, with a blank between two."""
    if text.isascii():
        return " ".join(text.translate(_ASCII).split())
    return " ".join(_BETWEEN.sub(" ", _SINGLES.sub(r" \1 ", _fold(text))).split())


def holds(words: str, phrases: tuple[Phrase, ...]) -> bool:
    """Whether a text with these *words* has all that is asked for."""
    framed = f" {words} "
    return all((f" {' '.join(one.words)}" + ("" if one.is_beginning else " ")) in framed for one in phrases)


def find_phrases(text: str, phrases: tuple[Phrase, ...]) -> Iterator[tuple[int, int]]:
    """Where in *text* each phrase stands first, as far as that can be told."""
    folded, places = _fold_with_places(text)
    for phrase in phrases:
        found = _pattern(phrase).search(folded)
        if found is not None and found.end() > found.start():
            last = places[found.end() - 1] if places else found.end() - 1
            yield (places[found.start()] if places else found.start()), last + 1


def decode_text(data: bytes, media_type: str) -> str:
    """The text of a content or of a part of a body, without the escapes of JSON; a piece of JSON will do."""
    text = data[:MOST_TEXT_BYTES].decode("utf-8", "replace")
    if "json" in media_type and "\\" in text:
        return _ESCAPED.sub(_unescaped, text)
    return text


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFKC", _ACCENTS.sub("", decomposed))


@cache
def _fold_one(character: str) -> str:
    return _fold(character)


def _fold_with_places(text: str) -> tuple[str, list[int]]:
    """*text* as it is searched, and where each of its characters stood; no places where they all stay."""
    if text.isascii():
        return text.lower(), []
    folded: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        one = character.lower() if character.isascii() else _fold_one(character)
        folded.append(one)
        places += [at] * len(one)
    return "".join(folded), places


def _pattern(phrase: Phrase) -> re.Pattern[str]:
    between = r"[\W_]+"
    pieces = [re.escape(phrase.words[0])]
    for before, word in zip(phrase.words, phrase.words[1:], strict=False):
        is_single = _SINGLES.fullmatch(before) or _SINGLES.fullmatch(word)
        pieces.append((r"[\W_]*" if is_single else between) + re.escape(word))
    start = "" if _SINGLES.match(phrase.words[0]) else rf"(?:(?<![^\W_])|(?<=[{_SINGLE}]))"
    end = "" if phrase.is_beginning or _SINGLES.fullmatch(phrase.words[-1]) else rf"(?:(?![^\W_])|(?=[{_SINGLE}]))"
    return re.compile(start + "".join(pieces) + end)


def _unescaped(match: re.Match[str]) -> str:
    high, low, code, plain = match.groups()
    if high is not None:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    if code is not None:
        character = chr(int(code, 16))
        return "\ufffd" if "\ud800" <= character <= "\udfff" else character
    return _PLAIN.get(plain, plain)
