"""Values as a page shows them."""

import json
from datetime import UTC, datetime

from pydantic import JsonValue

from binex.models.call import Spend
from binex.models.money import dollars
from binex.models.safe_text import content_text, escape_json
from binex.reports.html.elements import Child, Markup, element, markup
from binex.reports.html.room import Room

_MARKS = {
    "completed": "✓",
    "failed": "✗",
    "timed_out": "✗",
    "cancelled": "◼",
    "skipped": "↷",
    "running": "▶",
    "waiting_for_human": "?",
    "waiting": "?",
    "interrupted": "◼",
    "over_budget": "$",
}
_SHORT = 72


def mark(status: str) -> Markup:
    """The sign of a status and its name in words."""
    sign = element("span", _MARKS.get(status, "·"), class_="sign", aria_hidden="true")
    return element("span", sign, " ", words_of(status), class_=f"status {tone(status)}")


def tone(status: str) -> str:
    """The class that colours a status."""
    match status:
        case "completed":
            return "good"
        case "failed" | "timed_out":
            return "bad"
        case "running" | "waiting_for_human" | "interrupted" | "over_budget" | "cancelled":
            return "warn"
        case _:
            return "faint"


def words_of(status: str) -> str:
    return status.replace("_", " ")


def value(content: JsonValue, room: Room, *, hint: str = "") -> Markup:
    """A value: short ones in the line, anything else in a box, JSON indented."""
    shown = content_text(content)
    if isinstance(content, dict | list) and len(shown) < 4 * _SHORT:
        compact = escape_json(json.dumps(content, ensure_ascii=False))
        shown = compact if len(compact) <= _SHORT else shown
    if len(shown) <= _SHORT and "\n" not in shown:
        room.left -= len(shown)
        return element("code", shown if shown else "(empty)", class_="short")
    return room.block(shown, hint=hint)


def moment(at: datetime) -> Markup:
    """A time, in UTC: the page is read elsewhere."""
    there = at.astimezone(UTC)
    return element("time", there.strftime("%Y-%m-%d %H:%M:%S UTC"), datetime=there.isoformat(timespec="seconds"))


def cost(spend: Spend) -> str:
    """``$0.25``, ``at least $0.25``, ``unknown``; empty where no model was asked."""
    if not spend.model_calls:
        return ""
    if spend.unpriced_calls == spend.model_calls:
        return "unknown"
    return f"at least {dollars(spend.cost_usd)}" if spend.unpriced_calls else dollars(spend.cost_usd)


def tokens(spend: Spend) -> str:
    """``1,204 in, 88 out``."""
    return f"{spend.input_tokens:,} in, {spend.output_tokens:,} out" if spend.model_calls else ""


def facts(*pairs: tuple[str, Child], class_: str = "facts") -> Markup:
    """Names and values; those without a value are left out."""
    shown = [markup(element("dt", name), element("dd", said)) for name, said in pairs if said not in ("", None)]
    return element("dl", [element("div", pair) for pair in shown], class_=class_)


def folded(title: Child, *children: Child, class_: str = "", is_open: bool = False) -> Markup:
    """Something that opens when its title is clicked."""
    return element("details", element("summary", title), *children, class_=class_ or None, open=is_open)


def section(id: str, title: str, *children: Child) -> Markup:
    """A part of the page with a heading that can be linked to."""
    return element("section", element("h2", title, id=f"{id}-title"), *children, id=id, aria_labelledby=f"{id}-title")


def command(typed: str, purpose: str = "") -> Markup:
    """Something to type."""
    return markup(element("code", f"binex {typed}", class_="command"), f" {purpose}" if purpose else None)
