"""The place in a text where something was found, with a little of what stands around it."""

import re
from typing import Final

from binex.models.base import AnyText, Model
from binex.models.run_query import FoundText
from binex.stores.wording import find_phrases, read_search

_AROUND: Final = 40
"""So many characters are shown before what was found, and about twice as many from there on."""
_BLANKS: Final = re.compile(r"\s+")


class TextHit(Model):
    """A text in which what was looked for was found."""

    run_id: str
    """The run in which it was found."""
    task: AnyText
    """The path of the task that made or exchanged it."""
    artifact: AnyText = ""
    """The id of the artifact; empty where it is a message."""
    call: AnyText = ""
    """The call whose message it is, as in `search:1.2`; empty where it is an artifact."""
    is_response: bool = False
    """Whether the message came back, and was not sent."""
    excerpt: AnyText
    """What stands there, on one line."""
    marks: tuple[tuple[int, int], ...] = ()
    """Where in the excerpt what was found begins and ends."""


def excerpt_of(found: FoundText, asked: str) -> TextHit:
    """The hit for a text in which *asked* was found."""
    places = sorted(find_phrases(found.text, read_search(asked)))
    first = places[0][0] if places else 0
    start = max(0, first - _AROUND)
    end = min(len(found.text), first + 2 * _AROUND)
    pieces: list[str] = ["…" if start else ""]
    marks: list[tuple[int, int]] = []
    at = start
    for begin, stop in places:
        if begin < at or stop > end:
            continue
        pieces.append(_BLANKS.sub(" ", found.text[at:begin]))
        before = sum(map(len, pieces))
        pieces.append(_BLANKS.sub(" ", found.text[begin:stop]))
        marks.append((before, before + len(pieces[-1])))
        at = stop
    pieces += [_BLANKS.sub(" ", found.text[at:end]), "…" if end < len(found.text) else ""]
    return TextHit(
        run_id=found.run_id,
        task=found.task,
        artifact=found.artifact,
        call=found.call,
        is_response=found.is_response,
        excerpt="".join(pieces),
        marks=tuple(marks),
    )
