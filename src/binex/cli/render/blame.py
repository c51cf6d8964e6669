"""Who first said what an artifact says, sentence by sentence, with the passages that show it."""

import textwrap
from collections.abc import Iterator

from binex.analysis.lineage.blame_model import Blame, Hop, SentenceBlame, SpeakerKind
from binex.analysis.lineage.passages import Likeness
from binex.cli.render.damage import damage_lines
from binex.cli.render.look import Look
from binex.cli.render.text import clip, escape
from binex.models.names import read_artifact_id

_LEAST_ROOM = 16


def blame_text(found: Blame, look: Look) -> str:
    """Each sentence, who first said it, and the way from the artifact to there."""
    parts = ["\n".join(_sentence(sentence, found, look)) for sentence in found.sentences]
    notes = [look.paint(f"not looked at: {escape(what)}", "warn") for what in found.skipped]
    notes += damage_lines(found.damage, look)
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def _sentence(sentence: SentenceBlame, found: Blame, look: Look) -> Iterator[str]:
    yield from (look.paint(line, "strong") for line in _wrapped(_quoted(sentence.text, look), look, ""))
    verdict = f"{'nothing upstream carries it: ' if sentence.is_new else ''}it was {_said_by(sentence, found)}"
    style = "warn" if sentence.is_new or sentence.speaker is SpeakerKind.LOST else "good"
    yield from (look.paint(line, style) for line in _wrapped(verdict, look, "  "))
    for hop, before in zip(sentence.hops, (None, *sentence.hops), strict=False):
        yield from _hop(hop, before, found, look)


def _said_by(sentence: SentenceBlame, found: Blame) -> str:
    task, who = escape(sentence.task), escape(sentence.said_by)
    where = "" if sentence.run_id == found.run.id else f" of run {escape(sentence.run_id)}"
    match sentence.speaker:
        case SpeakerKind.INPUT:
            return f"given as an input of the workflow, {who}{where}"
        case SpeakerKind.VALUE | SpeakerKind.PROMPT:
            return f"written in the workflow{where}, {who}"
        case SpeakerKind.HAND:
            return f"put there by hand: {task}{where} was edited"
        case SpeakerKind.LOST:
            return f"said by {task}{where} or before it: something that it was given cannot be read"
        case SpeakerKind.TOOL | SpeakerKind.HTTP:
            return f"answered by {who} in task '{task}'{where}, attempt {sentence.attempt}"
        case _:
            return f"first said by {who} in task '{task}'{where}, attempt {sentence.attempt}"


def _hop(hop: Hop, before: Hop | None, found: Blame, look: Look) -> Iterator[str]:
    arrow = look.glyph("←", "<-") if before is not None else " "
    alike = "" if before is None else f"  {hop.likeness.value}"
    if hop.likeness is not Likeness.EXACT:
        alike += " (the same words)" if hop.score == 1 else f" ({hop.score:.0%})"
    run = "" if hop.run_id == found.run.id else f" of run {escape(hop.run_id)}"
    place = f"{_called(hop.source)}{run} {escape(hop.path)} [{hop.start}:{hop.end}]"
    lines = _wrapped(f"{arrow} {place}{alike}", look, "  ")
    yield from (look.paint(line, "faint") for line in lines)
    if before is not None and hop.quote != before.quote:
        yield from _wrapped(_quoted(hop.quote, look), look, "      ")
    if hop.also_in:
        also = clip(f"also in {', '.join(map(_called, hop.also_in))}", max(_LEAST_ROOM, look.width - 6))
        yield look.paint(f"      {also}", "faint")


def _called(source: str) -> str:
    """An artifact by its task and output; anything else has a name."""
    if "~" not in source:
        return escape(source)
    name = read_artifact_id(source)
    return escape(f"{name.task}.{name.output}")


def _quoted(text: str, look: Look) -> str:
    said = escape(" ".join(text.split()))
    return look.glyph(f"“{said}”", f'"{said}"')


def _wrapped(text: str, look: Look, indent: str) -> list[str]:
    if not look.is_terminal:
        return [indent + text]
    return textwrap.wrap(
        text,
        max(_LEAST_ROOM, look.width),
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
    )
