"""Parser events in; dicts, lists and scalars out, the offset of each beside them, and faults about the rest.

No recursion: what is open is a stack of frames. A container is hung into its parent as soon as it opens,
so that whatever was read before a fault is there to be looked at.
"""

from array import array
from collections.abc import Iterable
from typing import Final

import yaml

from binex.loader.yaml_scalars import (
    MAYBE_NOT_TEXT,
    TAG_PREFIX,
    RefusedScalarError,
    Scalar,
    plain_value,
    refused_tag,
    tagged_value,
    what_a_key_reads_as,
)
from binex.loader.yaml_text import ReadingStopped, SourceText, YamlLimits, shown

YamlValue = Scalar | list["YamlValue"] | dict[str, "YamlValue"]

OFFSET_BITS: Final = 32

_PLAIN_STYLES: Final = ("", None)
"""The style of an unquoted scalar: libyaml says one, PyYAML's pure parser the other."""

_MERGE_KEY: Final = "<<"


class Offsets:
    """Where everything in a document starts, by the identity (``id``) of the dict or list that holds it."""

    __slots__ = ("of_documents", "of_entries", "of_items")

    def __init__(self) -> None:
        self.of_documents = array("I")
        self.of_items: dict[int, array[int]] = {}
        self.of_entries: dict[int, dict[str, int]] = {}
        """By key: ``offset of the key << OFFSET_BITS | offset of the value``."""

    @property
    def root(self) -> int:
        return self.of_documents[0] if self.of_documents else 0


class YamlBuilder:
    """Builds the value of one document from its events."""

    def __init__(self, source: SourceText, limits: YamlLimits) -> None:
        self.offsets = Offsets()
        self.has_read_all = False
        """Whether the end of the file was reached and every entry is in the value, if perhaps as None."""
        self._source = source
        self._limits = limits
        self._documents: list[YamlValue] = []
        self._frame: _Frame = _ListFrame(self._documents, None, self.offsets.of_documents)
        self._parents: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._good_keys: set[str] = set()
        self._aliased_nodes = 0
        self._has_left_out = False
        self._may_have_bare_tags = "! " in source.text or "!\n" in source.text

    @property
    def root(self) -> YamlValue:
        """What was built; an empty dict if there was nothing."""
        return self._documents[0] if self._documents else {}

    def build(self, events: Iterable[yaml.Event]) -> None:
        """Take in *events* and complain about what is wrong with them.

        Raises:
            ReadingStopped: there is no going on after the last complaint.
        """
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._add_scalar(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._open(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
            elif isinstance(event, yaml.AliasEvent):
                self._add_alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._start_document(event)
            elif isinstance(event, yaml.StreamEndEvent):
                self._check_root()
                self.has_read_all = not self._has_left_out

    def _start_document(self, event: yaml.DocumentStartEvent) -> None:
        offset = _offset_of(event)
        if self._documents:
            fix = "keep one workflow in a file; remove this '---' and what follows"
            self._source.complain("the file holds more than one document", offset, fix)
            raise ReadingStopped
        if event.version not in (None, (1, 2)):
            self._source.complain("workflows are YAML 1.2", 0, "remove the %YAML line, or write %YAML 1.2")

    def _check_root(self) -> None:
        fix = "start with 'name: ...' and 'nodes:'"
        if self._documents[:1] in ([], [None]):
            self._source.complain("the file is empty", self.offsets.root, fix)
        elif not isinstance(self.root, dict):
            kind = "a list" if isinstance(self.root, list) else "a single value"
            self._source.complain(f"the file holds {kind}, not keys with values", self.offsets.root, fix)

    def _add_scalar(self, event: yaml.ScalarEvent) -> None:
        offset = _offset_of(event)
        frame = self._frame
        if frame.wants_key:
            self._add_key(event, offset)
            return
        value: Scalar = event.value
        # Most scalars are just text: that is seen here, without a call.
        if (
            event.tag is not None
            or (event.value[:1] in MAYBE_NOT_TEXT and event.style in _PLAIN_STYLES)
            or self._may_have_bare_tags
        ):
            value = self._scalar(event, offset)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(value)
        frame.take(value, offset)

    def _scalar(self, event: yaml.ScalarEvent, offset: int) -> Scalar:
        try:
            if event.tag is not None:
                return tagged_value(event.tag, event.value)
            if self._source.text.startswith(("! ", "!\n"), offset):
                raise refused_tag("!")  # libyaml does not report this one
            return plain_value(event.value) if event.style in _PLAIN_STYLES else str(event.value)
        except RefusedScalarError as refused:
            self._source.complain(refused.message, offset, refused.fix)
            return None

    def _add_key(self, event: yaml.ScalarEvent, offset: int) -> None:
        text: str = event.value
        if event.tag is not None or event.anchor is not None:
            value = self._scalar(event, offset) if event.tag is not None else text
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchor(value)
            if not isinstance(value, str):
                self._source.complain(f"key {shown(text)} is not text", offset, f'write "{text[:57]}":')
        elif text not in self._good_keys and event.style in _PLAIN_STYLES:
            if text == _MERGE_KEY:
                fix = "write the keys out; an alias may stand for a whole value, as in 'config: *shared'"
                self._refuse_key("merge keys ('<<') are not supported", offset, fix)
                return
            self._check_plain_key(text, offset)
        self._take_key(text, offset)

    def _check_plain_key(self, text: str, offset: int) -> None:
        if not text:
            self._source.complain("a key is missing before ':'", offset, "write a key, or quote the text")
        elif (noun := what_a_key_reads_as(text)) is not None:
            message = f"key {shown(text)} reads as {noun}, not as text"
            self._source.complain(message, offset, f'quote it: "{text[:57]}":')
        else:
            self._good_keys.add(text)

    def _take_key(self, key: str, offset: int) -> None:
        frame = self._frame
        assert isinstance(frame, _MappingFrame)
        if key in frame.offsets:
            first = self._source.place(frame.offsets[key] >> OFFSET_BITS)
            message = f"key {shown(key)} is already set on line {first.line}"
            self._refuse_key(message, offset, "remove or rename one of the two")
        else:
            frame.key = key
            frame.key_offset = offset
            frame.wants_key = False

    def _refuse_key(self, message: str, offset: int, fix: str) -> None:
        """Complain, and leave out the key with its value."""
        self._source.complain(message, offset, fix)
        self._has_left_out = True
        frame = self._frame
        assert isinstance(frame, _MappingFrame)
        frame.key = None
        frame.wants_key = False

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        offset = _offset_of(event)
        if len(self._parents) >= self._limits.depth:
            message = f"nested deeper than {self._limits.depth} levels (limits.depth)"
            self._source.complain(message, offset, "flatten the structure, or raise limits.depth")
            raise ReadingStopped
        frame: _MappingFrame | _ListFrame
        if isinstance(event, yaml.MappingStartEvent):
            entries: dict[str, YamlValue] = {}
            frame = _MappingFrame(entries, self._open_anchor(event, entries))
            self.offsets.of_entries[id(entries)] = frame.offsets
            self._hang_in(entries, event.tag, "map", offset)
        else:
            items: list[YamlValue] = []
            frame = _ListFrame(items, self._open_anchor(event, items), array("I"))
            self.offsets.of_items[id(items)] = frame.offsets
            self._hang_in(items, event.tag, "seq", offset)
        self._parents.append(self._frame)
        self._frame = frame

    def _open_anchor(self, event: yaml.NodeEvent, container: YamlValue) -> "_Anchor | None":
        if event.anchor is None:
            return None
        anchor = self._anchors[event.anchor] = _Anchor(container)
        anchor.is_open = True
        return anchor

    def _hang_in(self, container: YamlValue, tag: str | None, own_tag: str, offset: int) -> None:
        if tag is not None and tag != TAG_PREFIX + own_tag:
            refused = refused_tag(tag)
            self._source.complain(refused.message, offset, refused.fix)
        if self._frame.wants_key:
            text = 'quote it if the brackets are meant as text, as in "{{ topic }}"'
            self._refuse_key("a mapping or list may not be a key", offset, text)
        else:
            self._frame.take(container, offset)

    def _close(self) -> None:
        closed = self._frame
        self._frame = parent = self._parents.pop()
        # The parent has counted the container itself as one node when it took it.
        parent.size += closed.size - 1
        parent.height = max(parent.height, closed.height + 1)
        if (anchor := closed.anchor) is not None:
            anchor.size = closed.size
            anchor.height = closed.height
            anchor.is_open = False

    def _add_alias(self, event: yaml.AliasEvent) -> None:
        offset = _offset_of(event)
        frame = self._frame
        value = self._resolve_alias(str(event.anchor), offset)
        if not frame.wants_key:
            frame.take(value, offset)
        elif isinstance(value, str):
            self._take_key(value, offset)
        else:
            self._refuse_key(f"alias {shown(f'*{event.anchor}')} as a key is not text", offset, "write the key out")

    def _resolve_alias(self, name: str, offset: int) -> YamlValue:
        """What an alias stands for, or None with a complaint."""
        anchor = self._anchors.get(name)
        limits = self._limits
        if anchor is None:
            message = f"alias {shown(f'*{name}')} has no anchor '&{name[:57]}' above it"
            fix = "define the anchor, or quote the text if '*' is meant as text"
        elif anchor.is_open:
            message = f"alias {shown(f'*{name}')} stands inside what it stands for"
            fix = "write the value out"
        elif self._aliased_nodes + anchor.size > limits.nodes:
            message = f"aliases expand the file by more than {limits.nodes:,} nodes (limits.nodes)"
            self._source.complain(message, offset, "write the values out, or raise limits.nodes")
            raise ReadingStopped
        elif len(self._parents) + anchor.height > limits.depth:
            message = f"alias {shown(f'*{name}')} nests deeper than {limits.depth} levels (limits.depth)"
            fix = "flatten the structure, or raise limits.depth"
        else:
            self._aliased_nodes += anchor.size
            self._frame.size += anchor.size - 1
            self._frame.height = max(self._frame.height, anchor.height + 1)
            return anchor.value
        self._source.complain(message, offset, fix)
        self._has_left_out = True
        return None


def _offset_of(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


class _Anchor:
    """What an alias stands for: a value, its nodes with aliases written out, its levels of nesting."""

    __slots__ = ("height", "is_open", "size", "value")

    def __init__(self, value: YamlValue) -> None:
        self.value = value
        self.size = 1
        self.height = 0
        self.is_open = False


class _Frame:
    """A mapping or list that is being read."""

    __slots__ = ("anchor", "height", "size", "wants_key")

    def __init__(self, anchor: _Anchor | None, *, wants_key: bool) -> None:
        self.anchor = anchor
        self.wants_key = wants_key
        self.size = 1
        self.height = 1

    def take(self, value: YamlValue, offset: int) -> None:
        """Take the next item, or the value of the key that was read last."""
        raise NotImplementedError


class _ListFrame(_Frame):
    __slots__ = ("items", "offsets")

    def __init__(self, items: list[YamlValue], anchor: _Anchor | None, offsets: "array[int]") -> None:
        super().__init__(anchor, wants_key=False)
        self.items = items
        self.offsets = offsets

    def take(self, value: YamlValue, offset: int) -> None:
        self.items.append(value)
        self.offsets.append(offset)
        self.size += 1


class _MappingFrame(_Frame):
    __slots__ = ("entries", "key", "key_offset", "offsets")

    def __init__(self, entries: dict[str, YamlValue], anchor: _Anchor | None) -> None:
        super().__init__(anchor, wants_key=True)
        self.entries = entries
        self.offsets: dict[str, int] = {}
        self.key: str | None = None
        """The key that waits for its value; None where it was refused and the value is left out."""
        self.key_offset = 0

    def take(self, value: YamlValue, offset: int) -> None:
        self.wants_key = True
        self.size += 1
        if self.key is not None:
            self.entries[self.key] = value
            self.offsets[self.key] = self.key_offset << OFFSET_BITS | offset
