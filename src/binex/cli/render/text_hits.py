"""What was found in a run, under its line."""

from collections.abc import Iterable

from binex.analysis.search import TextHit
from binex.cli.render.look import Look
from binex.cli.render.text import clip, escape, width_of


def hit_lines(hits: Iterable[TextHit], run_id: str, look: Look) -> list[str]:
    """A line for each place in the run: where it is, and what stands there."""
    return [_line(hit, look) for hit in hits if hit.run_id == run_id]


def _line(hit: TextHit, look: Look) -> str:
    side = "response" if hit.is_response else "request"
    place = escape(hit.artifact.partition("~")[2].replace("~", ".") if hit.artifact else f"{hit.call} {side}")
    start = f"  {look.glyph('└', '`')} {place}: "
    if look.is_terminal and width_of(start) > look.width - 20:
        start = f"  {look.glyph('└', '`')} {clip(place, max(8, look.width - 25), ellipsis=look.glyph('…', '~'))}: "
    room = look.width - width_of(start) if look.is_terminal else len(hit.excerpt) * 10
    return look.paint(start, "faint") + _excerpt(hit, room, look)


def _excerpt(hit: TextHit, room: int, look: Look) -> str:
    """The excerpt in so much room, beginning shortly before what was found, which is shown in strong letters."""
    first = hit.marks[0][0] if hit.marks else 0
    skipped = max(0, first - room // 4) if len(hit.excerpt) > room else 0
    painted = ["…" if skipped else ""]
    at = skipped
    left = room - len(painted[0])
    for begin, end in [*hit.marks, (len(hit.excerpt), len(hit.excerpt))]:
        for piece, style in ((hit.excerpt[at:begin], "plain"), (hit.excerpt[max(at, begin) : end], "strong")):
            text = clip(escape(piece), left, ellipsis=look.glyph("…", "~"))
            left -= width_of(text)
            painted.append(look.paint(text, style))
        at = max(at, end)
    return "".join(painted).replace("…", look.glyph("…", "~"))
