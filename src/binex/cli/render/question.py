"""Questions to people: how one is put, and what to type to answer it."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from binex.cli.options import typed
from binex.cli.render.look import Look
from binex.cli.render.steps import commands
from binex.cli.render.text import clip, content_text, escape, first_line
from binex.cli.render.units import moment
from binex.models.breakpoint import KEYS, Action
from binex.models.question import OnTimeout, Question, QuestionKind
from binex.models.run import RunSummary

_LINES_SHOWN: Final = 60
_CHOICES_SHOWN: Final = 9


def waiting_line(question: Question, directory: Path | None = None) -> str:
    """``waiting: binex answer 1k3x2yz gate``."""
    return f"waiting: {typed(_command(question), directory)}"


def waiting_lines(summary: RunSummary, look: Look, directory: Path | None = None) -> list[str]:
    """What a run waits for, each with what to type to answer it."""
    return question_list(summary.questions, look, directory)


def question_list(questions: Sequence[Question], look: Look, directory: Path | None = None) -> list[str]:
    """One question after the other, each with what to type to answer it."""
    lines: list[str] = []
    for question in questions:
        until = f" (until {moment(question.deadline_at)})" if question.deadline_at is not None else ""
        head = f"{escape(question.task)}: {first_line(question.text)}{until}"
        room = look.width - 2 if look.is_terminal else 400
        lines.append(f"{look.mark('waiting_for_human')} {clip(head, room, ellipsis=look.glyph('…', '~'))}")
        lines += ["  " + line for line in commands([_step(question)], look, directory)]
    return lines


def question_text(question: Question, look: Look) -> str:
    """A question in full, as it is put to somebody: what to look at, what is asked, what may be chosen."""
    if question.kind is QuestionKind.BREAKPOINT:
        return stop_text(question, look)
    lines = [look.paint(f"{look.glyph('──', '--')} {escape(question.task)} {look.glyph('──', '--')}", "strong")]
    for name, value in question.shown.items() if isinstance(question.shown, dict) else ():
        lines.append(look.paint(f"{escape(name)}:", "faint"))
        lines += _content(value, look)
    lines += [look.paint(line, "strong") for line in escape(question.text, is_block=True).splitlines()]
    if question.kind is QuestionKind.OUTPUT and question.choices:
        lines.append(f"  as JSON: an object with {', '.join(map(escape, question.choices))}")
    else:
        lines += [f"  {number}  {escape(choice)}" for number, choice in enumerate(question.choices, 1)]
    if question.deadline_at is not None:
        then = "fails"
        if question.on_timeout is OnTimeout.DEFAULT:
            then = f"the answer is {escape(str(question.default))}"
        lines.append(look.paint(f"  until {moment(question.deadline_at)}; then {then}", "faint"))
    return "\n".join(lines)


def stop_text(question: Question, look: Look) -> str:
    """A stop in full: where, what there is to look at, what may be said."""
    bar = look.glyph("──", "--")
    head, *more = escape(question.text, is_block=True).splitlines()
    lines = [look.paint(f"{bar} {head} {bar}", "warn"), *more]
    groups = question.shown.items() if isinstance(question.shown, dict) else ()
    for group, shown in groups:
        lines.append(look.paint(escape(group) + (" (none)" if shown == {} else ""), "strong"))
        for name, value in shown.items() if isinstance(shown, dict) else (("", shown),):
            lines.append("  " + look.paint(f"{escape(name)}:", "faint"))
            lines += ["  " + line for line in _content(value, look)]
    letters = {action: key for key, action in KEYS.items()}
    said = [f"{look.paint(letters[Action(choice)], 'strong')} {choice}" for choice in question.choices]
    lines.append(look.glyph(" · ", " | ").join(said))
    return "\n".join(lines)


def _content(value: JsonValue, look: Look) -> Iterator[str]:
    lines = content_text(value).splitlines()
    yield from ("  " + line for line in lines[:_LINES_SHOWN])
    if len(lines) > _LINES_SHOWN:
        yield look.paint(f"  and {len(lines) - _LINES_SHOWN:,} more lines", "faint")


def _command(question: Question) -> str:
    return f"answer {question.run_id} {shlex.quote(question.task)}"


def _step(question: Question) -> tuple[str, str]:
    """What to type to answer, and what else it could be."""
    command = _command(question)
    match question.kind:
        case QuestionKind.APPROVE:
            return f"{command} approve", "or: reject --feedback WHY"
        case QuestionKind.BREAKPOINT:
            others = [choice + (" JSON" if choice == Action.EDIT else "") for choice in question.choices]
            return f"{command} {Action.CONTINUE}", f"or: {', '.join(one for one in others if one != Action.CONTINUE)}"
        case QuestionKind.OUTPUT:
            return f"{command} --file FILE", "the result as JSON; or the JSON itself instead of --file"
        case _ if question.choices:
            shown = [f"{number} {escape(choice)}" for number, choice in enumerate(question.choices, 1)]
            more = ", …" if len(shown) > _CHOICES_SHOWN else ""
            return f"{command} 1", ", ".join(shown[:_CHOICES_SHOWN]) + more
        case _:
            return f"{command} TEXT", "or without TEXT: it asks"
