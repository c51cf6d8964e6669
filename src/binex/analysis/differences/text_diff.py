"""How one text became another, word by word."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from binex.analysis.differences.alignment import align, can_align, longest
from binex.models.base import AnyText, Model

MOST_CHARACTERS: Final = 200_000
"""How much of a text is compared, from a little before the first difference."""
_KEPT: Final = 400
"""How much of what is the same stands before the first and behind the last difference, where a text is too long."""
_FEW_LINES: Final = 20
"""Texts with fewer lines than this, and too many words, are cut; others are compared line by line first."""
_TORN: Final = 200
"""A change at a cut that is shorter than this is taken for what the cut has made."""
_LEAST_IN_COMMON: Final = 0.15
"""Texts with less in common are shown as one in the place of the other: single shared words would only confuse."""
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts without blanks between words: each character stands for itself."""
_SIGNS = "!-/:-@\\[-^`{-~\u00a1-\u00bf\u2000-\u206f\u3000-\u303f\uff01-\uff0f"
_LETTER = rf"[^\s{_SIGNS}{_ALONE}]"
_TOKEN = re.compile(rf"\d+(?:[.,]\d+)+|{_LETTER}+(?:['\u2019]{_LETTER}+)*|\n|[^\S\n]+|.", re.S)


class Change(StrEnum):
    """What became of a piece of text."""

    SAME = "same"
    DELETED = "deleted"
    INSERTED = "inserted"


class Piece(NamedTuple):
    """A piece of text, and what became of it."""

    change: Change
    text: AnyText


class TextDiff(Model):
    """Two texts as one: the pieces that are not inserted make the first, those that are not deleted the second."""

    pieces: tuple[Piece, ...]
    """Neighbours differ in kind; what was deleted stands before what was inserted in its place."""
    deleted: int = 0
    """How many words were deleted; signs count, blanks do not."""
    inserted: int = 0
    """How many were inserted."""
    skipped: int = 0
    """How many characters at the beginning, the same in both, are left out."""
    left_out: int = 0
    """How many characters at the end, the same in both, are left out."""
    is_cut: bool = False
    """Whether the texts go on behind the last piece, and were not compared there."""

    @property
    def is_equal(self) -> bool:
        return not self.is_cut and all(piece.change is Change.SAME for piece in self.pieces)


def diff_text(before: str, after: str) -> TextDiff:
    """How *before* became *after*."""
    skipped, left_out, is_cut = 0, 0, False
    if max(len(before), len(after)) > MOST_CHARACTERS:
        skipped = max(0, _common(before, after) - _KEPT)
        before, after = before[skipped:], after[skipped:]
        left_out = max(0, _common(before[_KEPT:][::-1], after[_KEPT:][::-1]) - _KEPT)
        before, after = before[: len(before) - left_out], after[: len(after) - left_out]
        is_cut = max(len(before), len(after)) > MOST_CHARACTERS
        before, after = before[:MOST_CHARACTERS], after[:MOST_CHARACTERS]
    old, new = _tokens(before), _tokens(after)
    if min(before.count("\n"), after.count("\n")) < _FEW_LINES and not can_align(old, new):
        old, new, is_cut = old[: longest()], new[: longest()], True
        before, after = "".join(old), "".join(new)
    swaps = _swaps(old, new)
    if is_cut and swaps and len(swaps[-1].deleted) + len(swaps[-1].inserted) < _TORN:
        swaps[-1] = swaps[-1]._replace(deleted="", inserted="")  # only one of both is cut within a word
    if _is_another_text(swaps, before, after):
        swaps = [_Swap("", before, after)]
    deleted = sum(_words(swap.deleted) for swap in swaps)
    inserted = sum(_words(swap.inserted) for swap in swaps)
    return TextDiff(
        pieces=tuple(_pieces(swaps)),
        deleted=deleted,
        inserted=inserted,
        skipped=skipped,
        left_out=left_out,
        is_cut=is_cut,
    )


class _Swap(NamedTuple):
    """Text that is the same, and after it what was deleted and what stands in its place."""

    same: str
    deleted: str
    inserted: str


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _words(text: str) -> int:
    return sum(not token.isspace() for token in _tokens(text))


def _letters(text: str) -> int:
    return sum(map(len, text.split()))


def _swaps(old: Sequence[str], new: Sequence[str]) -> list[_Swap]:
    runs = align(old, new)
    if runs is None:
        return _swaps_by_line("".join(old), "".join(new))
    swaps: list[_Swap] = []
    same = ""
    for run in runs:
        if run.is_same:
            same = "".join(old[run.start : run.end])
            continue
        deleted, inserted = "".join(old[run.start : run.end]), "".join(new[run.after_start : run.after_end])
        if swaps and same and same.isspace() and "\n" not in same:  # words one after the other are one change
            last = swaps.pop()
            swaps.append(_Swap(last.same, last.deleted + same + deleted, last.inserted + same + inserted))
        else:
            swaps.append(_Swap(same, deleted, inserted))
        same = ""
    return [*swaps, _Swap(same, "", "")] if same else swaps


def _swaps_by_line(before: str, after: str) -> list[_Swap]:
    """Lines first, then words inside of those that changed; lines that are too many as a whole."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    runs = align(old, new)
    if runs is None or (len(old) <= 1 and len(new) <= 1):
        return [_Swap("", before, after)]
    swaps: list[_Swap] = []
    for run in runs:
        gone, come = "".join(old[run.start : run.end]), "".join(new[run.after_start : run.after_end])
        if run.is_same:
            swaps.append(_Swap(gone, "", ""))
            continue
        words = align(_tokens(gone), _tokens(come))
        swaps += [_Swap("", gone, come)] if words is None else _swaps(_tokens(gone), _tokens(come))
    return swaps


def _is_another_text(swaps: Sequence[_Swap], before: str, after: str) -> bool:
    """Whether there is next to nothing that both have in common."""
    shared = sum(_letters(swap.same) for swap in swaps)
    return shared < _LEAST_IN_COMMON * min(_letters(before), _letters(after))


def _pieces(swaps: Sequence[_Swap]) -> Iterator[Piece]:
    """The pieces of *swaps*; what is the same is not torn, and a change not either."""
    same = deleted = inserted = ""
    for swap in swaps:
        if swap.same and (deleted or inserted):
            yield from _filled(same, deleted, inserted)
            same = deleted = inserted = ""
        same += swap.same
        deleted += swap.deleted
        inserted += swap.inserted
    yield from _filled(same, deleted, inserted)


def _filled(same: str, deleted: str, inserted: str) -> Iterator[Piece]:
    if same:
        yield Piece(Change.SAME, same)
    if deleted:
        yield Piece(Change.DELETED, deleted)
    if inserted:
        yield Piece(Change.INSERTED, inserted)


def _common(before: str, after: str) -> int:
    """How many characters both begin with."""
    low, high = 0, min(len(before), len(after))
    while low < high:  # comparing slices is far faster than comparing characters
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
