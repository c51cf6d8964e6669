"""Makes HTML: text is escaped where it becomes part of an element, so that nothing else can be put on a page."""

from collections.abc import Iterable
from html import escape as escape_html
from typing import Final, TypeAlias

from binex.models.safe_text import escape

_VOID: Final = frozenset({"meta", "link", "br", "hr"})
"""Elements without an end."""
LONGEST: Final = 4000
"""So much is shown of a name, a title or a sentence; values have boxes, which count what is in them."""


class Markup(str):
    """HTML that was made here; any other text is text."""

    __slots__ = ()


Child: TypeAlias = "str | Markup | Iterable[Child] | None"
"""What can stand in an element; nothing for None."""
Attribute: TypeAlias = "str | int | float | bool | None"


def text(said: str) -> Markup:
    """*said* as text; control characters and those that turn the direction of writing stand as escapes."""
    return Markup(escape_html(escape(said, is_block=True)))


def element(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element. ``class_`` is ``class``, ``aria_label`` is ``aria-label``; None and False leave an attribute out."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{markup(*children)}</{name}>")


def markup(*children: Child) -> Markup:
    """*children* one after the other."""
    return Markup("".join(_child(child) for child in children))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    return text(_clipped(child)) if isinstance(child, str) else markup(*child)


def _clipped(said: str) -> str:
    return said if len(said) <= LONGEST else f"{said[:LONGEST]}… [cut]"


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    shown = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{escape_html(escape(_clipped(shown)))}"'
