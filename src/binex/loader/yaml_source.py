"""Reads one YAML document into plain values, remembers where everything stands, and collects all faults.

::

    bytes ── yaml_text.decode ──> SourceText ── PyYAML's parser ──> events
    events ── yaml_builder (scalars: yaml_scalars) ──> value, offsets, faults
    a syntax error ── yaml_syntax.explain ──> one more fault, and the end of reading

One pass, no recursion, no node tree: size, nesting and aliases are bounded by :class:`YamlLimits`, and
nothing in a file is ever executed. Offsets of keys and values are kept beside each dict and list and
turned into lines and columns only when somebody asks.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, Protocol

import yaml

from binex.loader import yaml_syntax
from binex.loader.yaml_builder import OFFSET_BITS, Offsets, YamlBuilder, YamlValue
from binex.loader.yaml_text import Fault, Place, ReadingStopped, SourceText, YamlLimits, decode

__all__ = ["Fault", "Place", "YamlDocument", "YamlLimits", "YamlValue", "read_yaml"]

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE: Final = re.compile(r"\\(?:u|U0000)[dD][89a-fA-F]")
_ESCAPE_BEYOND_UNICODE: Final = re.compile(r"\\U(?!0010|000)")


class YamlDocument:
    """What was read, and what is wrong with it.

    ``value`` is a dict whenever ``faults`` is empty; otherwise it holds what could be read, and None where
    a value was refused. An alias is the very object that its anchor is: treat the value as read-only, its
    places are found by it.

    ``faults`` are in file order. ``is_whole`` is false where reading stopped early or had to leave
    something out: checks of the value may then complain about things that do stand in the file.
    """

    def __init__(
        self, value: YamlValue, faults: list[Fault], *, is_whole: bool, source: SourceText, offsets: Offsets
    ) -> None:
        self.value = value
        self.faults = faults
        self.is_whole = is_whole
        self._source = source
        self._offsets = offsets

    def place_of(self, path: tuple[str | int, ...], *, key: bool = False) -> Place:
        """Where the value at *path* stands (``("nodes", "plan", "outputs", 0)``), or with *key* its key.

        A value with an anchor or tag starts there. A list item and the whole document have no key: there
        it is the place of the value. Where the path does not exist it is the place (or the key) of the
        nearest part of it that does. A path through an alias leads to the text at its anchor.
        """
        value = self.value
        key_offset = value_offset = self._offsets.root
        for step in path:
            if isinstance(value, dict) and isinstance(step, str) and step in value:
                both = self._offsets.of_entries[id(value)][step]
                key_offset, value_offset = both >> OFFSET_BITS, both & ((1 << OFFSET_BITS) - 1)
                value = value[step]
            elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
                key_offset = value_offset = self._offsets.of_items[id(value)][step]
                value = value[step]
            else:
                break
        return self._source.place(key_offset if key else value_offset)


class EventParser(Protocol):
    """The part of a PyYAML loader that is used: text in, events out."""

    def __init__(self, stream: str) -> None: ...

    def get_event(self) -> yaml.Event | None:
        """The next event; None after the last."""


PARSER: Final[type[EventParser]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, or where that is missing PyYAML's own: the same events, many times slower."""


def read_yaml(data: bytes, limits: YamlLimits | None = None, *, parser: type[EventParser] = PARSER) -> YamlDocument:
    """Read the one YAML 1.2 document in *data*, whose root must be a mapping.

    Never raises for what *data* holds: whatever is wrong with it is in the ``faults`` of the document.
    """
    limits = limits or YamlLimits()
    source, is_text = decode(data, limits.bytes)
    builder = YamlBuilder(source, limits)
    if is_text:
        with suppress(ReadingStopped):
            events = _events(source, parser)
            if _SURROGATE_ESCAPE.search(source.text):
                events = _without_surrogates(source, events)
            builder.build(events)
    faults = sorted(source.faults, key=_file_order)
    return YamlDocument(builder.root, faults, is_whole=builder.has_read_all, source=source, offsets=builder.offsets)


def _events(source: SourceText, parser: type[EventParser]) -> Iterator[yaml.Event]:
    """The events of *source*; a syntax error is a complaint and their end."""
    try:
        get_event = parser(source.text).get_event
        while (event := get_event()) is not None:
            yield event
    except yaml.MarkedYAMLError as error:
        yaml_syntax.explain(source, error)
    except (ValueError, OverflowError):  # PyYAML's own parser, at an escape beyond Unicode or a long %YAML
        if escape := _ESCAPE_BEYOND_UNICODE.search(source.text):
            source.complain(*yaml_syntax.bad_escape(source, escape.start()))
        else:
            source.complain("this is not valid YAML 1.2", 0, "remove the lines that start with '%'")


def _without_surrogates(source: SourceText, events: Iterable[yaml.Event]) -> Iterator[yaml.Event]:
    """Refuse halves of characters, which only libyaml's parser does by itself."""
    for event in events:
        if isinstance(event, yaml.ScalarEvent) and event.start_mark and _SURROGATE.search(event.value):
            escape = _SURROGATE_ESCAPE.search(source.text, event.start_mark.index)
            source.complain(*yaml_syntax.bad_escape(source, escape.start() if escape else event.start_mark.index))
            event.value = _SURROGATE.sub("\ufffd", event.value)
        yield event


def _file_order(fault: Fault) -> tuple[int, int]:
    return (fault.place.line, fault.place.column) if fault.place else (0, 0)
