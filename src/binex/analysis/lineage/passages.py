"""Where in a text a sentence stands: word for word, in the same words, or rewritten.

Words are compared without case and punctuation. For what was rewritten, the rarer words of the sentence say where
it may stand; each such place is aligned word by word (difflib, so that the answer is the same on every machine), and
scored as Dice's coefficient with words weighed by their length: twice what both have, by what there is in both.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from functools import cached_property
from typing import Final, NamedTuple

from pydantic import JsonValue

_CJK: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+")
_END_OF_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\n\s*")  # noqa: RUF001 - as they are written
_LEAST_SCORE: Final = 0.6
"""A place that is less alike is another sentence."""
_LEAST_SHARE: Final = 0.5
"""A place that has fewer of the sentence's words does not say it, however long they are."""
_NEARLY: Final = 0.9
_LEAST_WORDS: Final = 3
"""What has fewer words is found by itself or not at all."""
_RARE: Final = 200
"""A word that a text has more often says nothing about the place."""
_PLACES: Final = 6
_MOST_TRIED: Final = 10_000
_LONGEST: Final = 2000
"""What goes on for more characters without an end is cut."""
_SLACK: Final = 6
"""So many words more than the sentence has are looked at on either side."""


class Likeness(StrEnum):
    """How alike two passages are."""

    EXACT = "exact"
    """The same characters."""
    NEARLY = "nearly"
    """The same words, or nearly."""
    REWRITTEN = "rewritten"
    """Many of the same words, in the same order."""


class Passage(NamedTuple):
    """A part of a text, by characters from its beginning."""

    start: int
    end: int


class Found(NamedTuple):
    """Where a sentence stands in a text."""

    passage: Passage
    score: float
    """From 0 to 1, which is the same words."""
    likeness: Likeness


class Text:
    """A text that sentences are looked for in; its words are found once."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _spans(self) -> list[Passage]:
        return [Passage(*match.span()) for match in _WORD.finditer(self.text)]

    @cached_property
    def _words(self) -> list[str]:
        return [self.text[start:end].casefold() for start, end in self._spans]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for index, word in enumerate(self._words):
            places.setdefault(word, []).append(index)
        return places

    def find(self, sentence: str) -> Found | None:
        """The best place of *sentence*; None where there is none that is alike enough."""
        words = words_of(sentence)
        if not words:
            start = self.text.find(sentence) if sentence.strip() else -1
            return Found(Passage(start, start + len(sentence)), 1.0, Likeness.EXACT) if start >= 0 else None
        return self._same(sentence, words) or self._alike(words)

    def find_words(self, sentence: str) -> Passage | None:
        """Where the words of *sentence* stand, the characters between them being any."""
        found = self._same(sentence, words_of(sentence))
        return None if found is None else found.passage

    def _same(self, sentence: str, words: Sequence[str]) -> Found | None:
        if not words:
            return None
        rarest = min(range(len(words)), key=lambda index: len(self._places.get(words[index], ())))
        first: Found | None = None
        stripped = sentence.strip()
        lead = next(_WORD.finditer(stripped)).start()
        for place in self._places.get(words[rarest], ())[:_MOST_TRIED]:
            start = place - rarest
            if start < 0 or self._words[start : start + len(words)] != list(words):
                continue
            at = self._spans[start].start - lead
            if at >= 0 and self.text.startswith(stripped, at):
                return Found(Passage(at, at + len(stripped)), 1.0, Likeness.EXACT)
            span = Passage(self._spans[start].start, self._spans[start + len(words) - 1].end)
            first = first or Found(span, 1.0, Likeness.NEARLY)
        return first

    def _alike(self, words: Sequence[str]) -> Found | None:
        if len(words) < _LEAST_WORDS:
            return None
        votes: Counter[int] = Counter()
        for index, word in enumerate(words):
            places = self._places.get(word, ())
            if len(places) <= _RARE:
                for place in places:
                    votes[(place - index) // _SLACK] += len(word)
        found = [self._aligned(words, place * _SLACK) for place, _ in votes.most_common(_PLACES)]
        return max((one for one in found if one is not None), key=lambda one: one.score, default=None)

    def _aligned(self, words: Sequence[str], start: int) -> Found | None:
        first = max(0, start - _SLACK)
        window = self._words[first : start + len(words) + 2 * _SLACK]
        blocks = [b for b in SequenceMatcher(None, words, window, autojunk=False).get_matching_blocks() if b.size]
        if sum(block.size for block in blocks) < _LEAST_SHARE * len(words):
            return None
        begin, end = blocks[0].b, blocks[-1].b + blocks[-1].size
        same = sum(_weight(window[b.b : b.b + b.size]) for b in blocks)
        score = 2 * same / (_weight(words) + _weight(window[begin:end]))
        if score < _LEAST_SCORE:
            return None
        span = Passage(self._spans[first + begin].start, self._spans[first + end - 1].end)
        return Found(span, round(score, 3), Likeness.NEARLY if score >= _NEARLY else Likeness.REWRITTEN)


def words_of(text: str) -> list[str]:
    """The words of *text*, as they are compared."""
    return [word.casefold() for word in _WORD.findall(text)]


def sentences_of(text: str, within: Passage | None = None) -> Iterator[Passage]:
    """The sentences of *text*, or of a part of it, each without the blanks around it."""
    start, end = within or Passage(0, len(text))
    while start < end:
        stop = _END_OF_SENTENCE.search(text, start + 1, min(end, start + _LONGEST))
        last = stop.end() if stop is not None else _cut(text, start, end)
        part = text[start:last]
        if part.strip():
            lead = len(part) - len(part.lstrip())
            yield Passage(start + lead, start + len(part.rstrip()))
        start = last


def texts_in(value: JsonValue) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value with its path, as in ``$.items[2].title``."""
    waiting: list[tuple[str, JsonValue]] = [("$", value)]
    while waiting:
        path, part = waiting.pop()
        match part:
            case str():
                yield path, part
            case dict():
                waiting += ((_field(path, name), item) for name, item in reversed(part.items()))
            case list():
                waiting += ((f"{path}[{index}]", part[index]) for index in range(len(part) - 1, -1, -1))
            case _:
                pass


def _cut(text: str, start: int, end: int) -> int:
    """Where what has no end is cut: at a blank, where there is one."""
    if end - start <= _LONGEST:
        return end
    blank = text.rfind(" ", start + 1, start + _LONGEST)
    return start + _LONGEST if blank < 0 else blank + 1


def _field(path: str, name: str) -> str:
    return f"{path}.{name}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name) else f"{path}[{name!r}]"


def _weight(words: Sequence[str]) -> int:
    return sum(map(len, words))
