"""What a task said to others: the conversation with its models, and every call word for word."""

from collections.abc import Iterable, Sequence
from shlex import quote
from typing import Final

from pydantic import JsonValue

from binex.analysis.calls import CallDetail, Said, name_of
from binex.analysis.tasks.model_rounds import Round, SeenMessage, ToolUse
from binex.models.call import CallKind
from binex.models.money import dollars
from binex.models.safe_text import content_text
from binex.models.units import count, duration, size
from binex.reports.html.elements import Markup, element, markup
from binex.reports.html.room import Room
from binex.reports.html.values import facts, folded, value

_MOST: Final = 100
"""More calls of one attempt are not there."""


def rounds(found: Sequence[Round], room: Room, run: str) -> Markup:
    """A conversation as the model saw it; a round that continues another has only what came since."""
    shown = [_round(number, one, room, run) for number, one in enumerate(found[:_MOST], 1)]
    return markup(shown, _left_out(len(found), "round"))


def calls(found: Sequence[CallDetail], room: Room, run: str) -> Markup:
    """Every call, folded."""
    return markup([_call(detail, room, run) for detail in found[:_MOST]], _left_out(len(found), "call"))


def _left_out(number: int, what: str) -> Markup | None:
    return element("p", f"{count(number - _MOST, what)} more not shown.", class_="notice") if number > _MOST else None


def _round(number: int, one: Round, room: Room, run: str) -> Markup:
    hint = f"binex calls show {run} {quote(one.call)}"
    settings = ", ".join(f"{name} {said}" for name, said in one.settings.items())
    about = ", ".join(part for part in (settings, f"tools: {', '.join(one.tools)}" if one.tools else "") if part)
    before = "Goes on from the round before." if one.is_continued else None
    return markup(
        element("p", element("strong", f"{number}. {one.model}"), f" {about}" if about else None, class_="faint"),
        None if before is None else element("p", before, class_="notice"),
        [_message(message, room, hint) for message in one.messages],
        _said("reply", one.reply, one.tool_uses, room, hint) if one.reply is not None or one.tool_uses else None,
        None if one.error is None else element("p", f"No reply: {one.error}", class_="bad"),
    )


def _message(message: SeenMessage, room: Room, hint: str) -> Markup:
    role = f"{message.role} ({message.name})" if message.name else message.role
    return _said(role, message.content, message.tool_uses, room, hint)


def _said(role: str, content: JsonValue, uses: Iterable[ToolUse], room: Room, hint: str) -> Markup:
    return element(
        "div",
        element("div", role, class_="role"),
        room.block(content_text(content), hint=hint) if content not in (None, "") else None,
        [_use(use, room, hint) for use in uses],
        class_="message reply" if role == "reply" else "message",
    )


def _use(use: ToolUse, room: Room, hint: str) -> Markup:
    return markup(
        element("p", "asked for the tool ", element("code", use.name)),
        room.block(use.arguments, hint=hint) if use.arguments else None,
    )


def _call(detail: CallDetail, room: Room, run: str) -> Markup:
    call = detail.call
    hint = f"binex calls show {run} {quote(name_of(call))}"
    ended = (
        call.error.partition("\n")[0][:200] if call.error else "" if call.status is None else f"status {call.status}"
    )
    about = ", ".join(part for part in (duration(call.duration_ms), ended) if part)
    usage = call.usage
    said = None
    if usage is not None:
        said = f"{_number(usage.input_tokens)} in, {_number(usage.output_tokens)} out"
    price = None if call.kind is not CallKind.MODEL else "unknown" if call.cost_usd is None else dollars(call.cost_usd)
    return folded(
        markup(
            element("code", name_of(call)),
            f" {call.kind} ",
            element("strong", call.target[:300], class_="name"),
            f" {about}",
        ),
        facts(
            ("tokens", said),
            ("cost", price),
            (
                "streamed",
                f"{count(len(call.chunks), 'chunk')}, the first after {duration(call.chunks[0].offset_ms)}"
                if call.chunks
                else None,
            ),
            ("response", None if call.is_complete else "not complete"),
            ("error", None if not call.error else value(call.error, room, hint=hint)),
        ),
        [element("p", f"Damaged: {damage.where}: {damage.message}", class_="bad") for damage in detail.damage],
        _side("Request", call.request_headers, detail.request, room, hint),
        _side("Response", call.response_headers, detail.response, room, hint),
        class_="fold",
    )


def _side(name: str, headers: tuple[tuple[str, str], ...], said: Said | None, room: Room, hint: str) -> Markup:
    shown: Markup
    if said is None:
        shown = element("p", "Nothing is recorded.", class_="faint")
    elif said.value is not None:
        shown = value(said.value, room, hint=hint)
    elif said.text is not None:
        shown = value(said.text, room, hint=hint)
    else:
        shown = element("p", f"{size(said.size)} of {said.media_type or 'binary data'}", class_="faint")
    lines = "\n".join(f"{key}: {text}" for key, text in headers)
    return markup(
        element("h4", name),
        folded("Headers", room.block(lines, hint=hint), class_="fold") if lines else None,
        shown,
    )


def _number(tokens: int | None) -> str:
    return "?" if tokens is None else f"{tokens:,}"
