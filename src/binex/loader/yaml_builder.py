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
    tag_name,
    tagged_value,
    what_a_key_reads_as,
)
from binex.loader.yaml_text import ReadingStopped, SourceText, YamlLimits, shown

YamlValue = Scalar | list["YamlValue"] | dict[str, "YamlValue"]

OFFSET_BITS: Final = 32

_PLAIN_STYLES: Final = ("", None)
"""The style of an unquoted scalar: libyaml says one, PyYAML's pure parser the other."""

_MERGE_KEY: Final = "<<"
_NO_ALIAS: Final = "write the value out"


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
        documents = _ListFrame()
        self._documents = documents.value
        self.offsets.of_documents = documents.offsets
        self._frame: _Frame = documents
        self._parents: list[_Frame] = []
        self._anchors: dict[str, _Anchor] = {}
        self._good_keys: set[str] = set()
        self._aliased_nodes = 0
        self._has_left_out = False

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
        """Take a key, a value or an item. Nine in ten are text or known keys: those cost no further call."""
        mark = event.start_mark
        assert mark is not None  # PyYAML's parsers mark everything
        text: str = event.value
        frame = self._frame
        is_bare = event.tag is None and event.anchor is None
        if frame.wants_key:
            if is_bare and text in self._good_keys and text not in frame.offsets:
                frame.wait_for_value(text, mark.index)
            else:
                self._add_key(event, mark.index)
        elif is_bare and (text[:1] not in MAYBE_NOT_TEXT or event.style not in _PLAIN_STYLES):
            frame.take(text, mark.index)
        else:
            value = self._scalar(event, mark.index)
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchor(value)
            frame.take(value, mark.index)

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
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchor(text)
        if event.tag is not None:
            if event.tag != TAG_PREFIX + "str":
                message = f"tag {tag_name(event.tag)} is not allowed on a key"
                self._source.complain(message, offset, "remove the tag; quote the key if it is not plain text")
        elif event.style in _PLAIN_STYLES:
            if text == _MERGE_KEY:
                fix = "write the keys out; an alias may stand for a whole value, as in 'config: *shared'"
                self._refuse_key("merge keys ('<<') are not supported", offset, fix)
                return
            if not text:
                self._refuse_key("a key is missing before ':'", offset, "write a key, or quote text that holds a ':'")
                return
            if (noun := what_a_key_reads_as(text)) is not None:
                message = f"key {shown(text)} reads as {noun}, not as text"
                self._source.complain(message, offset, f'quote it: "{text[:57]}":')
            else:
                self._good_keys.add(text)
        self._take_key(text, offset)

    def _take_key(self, text: str, offset: int) -> None:
        frame = self._frame
        assert isinstance(frame, _MappingFrame)
        if text not in frame.offsets:
            frame.wait_for_value(text, offset)
            return
        first = self._source.place(frame.offsets[text] >> OFFSET_BITS)
        message = f"key {shown(text)} is already set on line {first.line}"
        self._refuse_key(message, offset, "remove or rename one of the two")

    def _refuse_key(self, message: str, offset: int, fix: str) -> None:
        """Complain, and leave out the key with its value."""
        self._source.complain(message, offset, fix)
        self._has_left_out = True
        self._frame.wait_for_value(None, offset)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        offset = _offset_of(event)
        if len(self._parents) >= self._limits.depth:
            message = f"nested deeper than {self._limits.depth} levels (limits.depth)"
            self._source.complain(message, offset, "flatten the structure, or raise limits.depth")
            raise ReadingStopped
        if event.tag is not None:
            self._check_collection_tag(event, event.tag, offset)
        frame: _MappingFrame | _ListFrame
        if isinstance(event, yaml.MappingStartEvent):
            frame = _MappingFrame()
            self.offsets.of_entries[id(frame.value)] = frame.offsets
        else:
            frame = _ListFrame()
            self.offsets.of_items[id(frame.value)] = frame.offsets
        if event.anchor is not None:
            frame.anchor = self._anchors[event.anchor] = _Anchor(frame.value, is_open=True)
        parent = self._frame
        if parent.wants_key:
            fix = 'quote it if the brackets are meant as text, as in "{{ topic }}"'
            self._refuse_key("a mapping or list may not be a key", offset, fix)
        else:
            parent.take(frame.value, offset)
        self._parents.append(parent)
        self._frame = frame

    def _check_collection_tag(self, event: yaml.CollectionStartEvent, tag: str, offset: int) -> None:
        if tag != TAG_PREFIX + ("map" if isinstance(event, yaml.MappingStartEvent) else "seq"):
            refused = refused_tag(tag)
            self._source.complain(refused.message, offset, refused.fix)

    def _close(self) -> None:
        closed = self._frame
        self._frame = parent = self._parents.pop()
        size = 1 + len(closed.value) + closed.extra_size
        parent.extra_size += size - 1
        if parent.height <= closed.height:
            parent.height = closed.height + 1
        if (anchor := closed.anchor) is not None:
            anchor.size = size
            anchor.height = closed.height
            anchor.is_open = False

    def _add_alias(self, event: yaml.AliasEvent) -> None:
        offset = _offset_of(event)
        frame = self._frame
        anchor = self._usable_anchor(str(event.anchor), offset)
        if anchor is None:
            self._has_left_out = True
        if not frame.wants_key:
            frame.take(anchor.value if anchor else None, offset)
        elif anchor is None:
            frame.wait_for_value(None, offset)
        elif isinstance(anchor.value, str):
            self._take_key(anchor.value, offset)
        else:
            self._refuse_key(f"alias {shown(f'*{event.anchor}')} stands for a key that is not text", offset, _NO_ALIAS)

    def _usable_anchor(self, name: str, offset: int) -> "_Anchor | None":
        """What an alias stands for, counted in; or None, with a complaint."""
        frame = self._frame
        anchor = self._anchors.get(name)
        limits = self._limits
        alias = f"alias {shown(f'*{name}')}"
        if anchor is None:
            fix = "define the anchor, or quote the text if '*' is meant as text"
            self._source.complain(f"{alias} has no anchor {shown(f'&{name}')} above it", offset, fix)
        elif anchor.is_open:
            self._source.complain(f"{alias} stands inside what it stands for", offset, _NO_ALIAS)
        elif len(self._parents) + anchor.height > limits.depth:
            message = f"{alias} nests deeper than {limits.depth} levels (limits.depth)"
            self._source.complain(message, offset, "flatten the structure, or raise limits.depth")
        elif self._aliased_nodes + anchor.size > limits.nodes:
            message = f"aliases expand the file by more than {limits.nodes:,} nodes (limits.nodes)"
            self._source.complain(message, offset, "write the values out, or raise limits.nodes")
            raise ReadingStopped
        else:
            self._aliased_nodes += anchor.size
            frame.extra_size += anchor.size - 1
            frame.height = max(frame.height, anchor.height + 1)
            return anchor
        return None


def _offset_of(event: yaml.Event) -> int:
    return event.start_mark.index if event.start_mark else 0


class _Anchor:
    """What an alias stands for: a value, its nodes with aliases written out, its levels of nesting."""

    __slots__ = ("height", "is_open", "size", "value")

    def __init__(self, value: YamlValue, *, is_open: bool = False) -> None:
        self.value = value
        self.size = 1
        self.height = 0
        self.is_open = is_open


class _Frame:
    """A mapping or list that is being read."""

    value: dict[str, YamlValue] | list[YamlValue]
    offsets: "dict[str, int] | array[int]"
    anchor: _Anchor | None = None
    wants_key = False
    height = 1
    """The levels of nesting, this one counted."""
    extra_size = 0
    """The nodes below those in ``value``, with aliases written out."""

    def wait_for_value(self, key: str | None, offset: int) -> None:
        """Take the next key, or None where it is refused and its value will be left out."""
        raise NotImplementedError

    def take(self, value: YamlValue, offset: int) -> None:
        """Take the next item, or the value of the key that was read last."""
        raise NotImplementedError


class _ListFrame(_Frame):
    offsets: "array[int]"

    def __init__(self) -> None:
        self.value: list[YamlValue] = []
        self.offsets = array("I")

    def take(self, value: YamlValue, offset: int) -> None:
        self.value.append(value)
        self.offsets.append(offset)


class _MappingFrame(_Frame):
    wants_key = True
    key: str | None = None
    key_offset = 0
    offsets: dict[str, int]

    def __init__(self) -> None:
        self.value: dict[str, YamlValue] = {}
        self.offsets = {}

    def wait_for_value(self, key: str | None, offset: int) -> None:
        self.key = key
        self.key_offset = offset
        self.wants_key = False

    def take(self, value: YamlValue, offset: int) -> None:
        self.wants_key = True
        if self.key is not None:
            self.value[self.key] = value
            self.offsets[self.key] = self.key_offset << OFFSET_BITS | offset
