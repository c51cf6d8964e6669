"""The positioned YAML reader: values, places, faults, limits; with libyaml and with PyYAML's own parser."""

import json
import re
import time

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from binex.loader.yaml_scalars import plain_value
from binex.loader.yaml_source import PARSER, EventParser, Fault, Place, YamlDocument, YamlLimits, YamlValue, read_yaml

PARSERS = [pytest.param(yaml.SafeLoader, id="pure")]
if yaml.__with_libyaml__:
    PARSERS.insert(0, pytest.param(yaml.CSafeLoader, id="libyaml"))
with_both_parsers = pytest.mark.parametrize("parser", PARSERS)

WORKFLOW = """\
# A comment, and an empty line

name: "reséarch"
inputs: {topic: {type: string}}
shared: &slow
  deadline_ms: 20000
nodes:
  plan:
    agent: llm://openai/gpt-4o-mini
    outputs: [plan, 'notes']
  search:
    agent: local://research.search
    depends_on:
    - plan
    config: *slow
    when: >-
      ${plan.plan} != nothing
"""


def read(text: str, parser: type[EventParser] = yaml.SafeLoader, **limits: int) -> YamlDocument:
    return read_yaml(text.encode(), YamlLimits(**limits), parser=parser)


def only_fault(document: YamlDocument) -> Fault:
    assert len(document.faults) == 1, document.faults
    return document.faults[0]


def test_the_default_parser_is_libyaml_where_there_is_one() -> None:
    assert read_yaml(b"a: 1").value == {"a": 1}
    assert PARSER is PARSERS[0].values[0]


# Values


@with_both_parsers
def test_a_workflow_becomes_plain_values(parser: type[EventParser]) -> None:
    document = read(WORKFLOW, parser)
    assert document.faults == []
    assert document.is_whole
    assert document.value == {
        "name": "reséarch",
        "inputs": {"topic": {"type": "string"}},
        "shared": {"deadline_ms": 20000},
        "nodes": {
            "plan": {"agent": "llm://openai/gpt-4o-mini", "outputs": ["plan", "notes"]},
            "search": {
                "agent": "local://research.search",
                "depends_on": ["plan"],
                "config": {"deadline_ms": 20000},
                "when": "${plan.plan} != nothing",
            },
        },
    }


@with_both_parsers
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ("", "~", "null", "Null", "NULL", "!!null ~", "!!null ''")),
        *((word, True) for word in ("true", "True", "TRUE", "!!bool true", "!!bool 'true'")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, word) for word in ("yes", "no", "on", "off", "y", "n", "Yes", "tRUE", "nULL", "nil")),
        *(
            (word, word)
            for word in ("2024-05-01", "2024-05-01T10:00:00Z", "1_000", "0b1", "12:30", "0x", "1e", "+", ".")
        ),
        *((word, word) for word in ("+0x1", "0xG", "0o8", "1.2.3", "e5", "inf", "nan", "=", "--")),
        *((f"!!str {word}", word) for word in ("1", "true", "null", "0x1F")),
        *((f"'{word}'", word) for word in ("1", "true", "null", "", "~")),
        *((f'"{word}"', word) for word in ("1", "true", "null", "", "~")),
        ("0", 0),
        ("-0", 0),
        ("+12", 12),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("!!int '3'", 3),
        ("1.5", 1.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("6.02e+23", 6.02e23),
        ("!!float 1", 1.0),
        ('"\\0\\x07\\u2028\\ud7ff\\U0001F600"', "\0\x07\u2028\ud7ff\U0001f600"),
        ("'\\ud800'", "\\ud800"),
        ('"\\\\ud800"', "\\ud800"),
        ("!!map {a: 1}", {"a": 1}),
        ("!!seq [1, two]", [1, "two"]),
        ("${user.topic}", "${user.topic}"),
        ("|\n  one\n  two\n", "one\ntwo\n"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(parser: type[EventParser], text: str, value: YamlValue) -> None:
    document = read(f"a: {text}", parser)
    assert document.faults == []
    assert document.value == {"a": value}
    assert isinstance(document.value, dict)
    assert type(document.value["a"]) is type(value)


@with_both_parsers
def test_a_byte_order_mark_at_the_start_does_not_count(parser: type[EventParser]) -> None:
    document = read("\ufeffa: 1", parser)
    assert (document.value, document.faults) == ({"a": 1}, [])
    assert document.place_of(("a",), key=True) == Place(1, 1)


@with_both_parsers
def test_an_alias_may_be_a_key_if_it_is_text(parser: type[EventParser]) -> None:
    assert read("a: &x b\n*x : 1", parser).value == {"a": "b", "b": 1}
    fault = only_fault(read("a: &x 1\n*x : 1", parser))
    assert fault == Fault("alias '*x' stands for a key that is not text", Place(2, 1), "write the value out")


def test_an_anchor_may_be_set_again() -> None:
    assert read("a: &x 1\nb: *x\nc: &x 2\nd: *x").value == {"a": 1, "b": 1, "c": 2, "d": 2}


# Places


@with_both_parsers
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_places_are_those_an_editor_shows(parser: type[EventParser], line_end: str) -> None:
    document = read(WORKFLOW.replace("\n", line_end), parser)
    place = document.place_of
    assert place(("name",), key=True) == Place(3, 1)
    assert place(("name",)) == Place(3, 7)
    assert place(("inputs", "topic", "type")) == Place(4, 24)
    assert place(("nodes", "plan"), key=True) == Place(8, 3)
    assert place(("nodes", "plan")) == Place(9, 5)
    assert place(("nodes", "plan", "outputs", 1)) == Place(10, 21)
    assert place(("nodes", "search", "depends_on", 0)) == Place(14, 7)
    assert place(("nodes", "search", "config")) == Place(15, 13)
    assert place(("nodes", "search", "when")) == Place(16, 11)


def test_a_path_that_does_not_exist_has_the_place_of_its_nearest_part() -> None:
    document = read(WORKFLOW)
    assert document.place_of(("nodes", "plan", "config", "x")) == document.place_of(("nodes", "plan"))
    assert document.place_of(("nodes", "plan", "config"), key=True) == Place(8, 3)
    for step in (2, -1, "x"):
        assert document.place_of(("nodes", "plan", "outputs", step)) == Place(10, 14)
    assert document.place_of(("name", "x", 3)) == Place(3, 7)
    assert document.place_of(("nowhere",)) == document.place_of(()) == Place(3, 1)
    assert document.place_of((3,), key=True) == Place(3, 1)


def test_a_list_item_has_no_key_and_shows_itself() -> None:
    document = read(WORKFLOW)
    assert document.place_of(("nodes", "plan", "outputs", 0), key=True) == Place(10, 15)


def test_a_path_through_an_alias_leads_to_its_anchor() -> None:
    document = read(WORKFLOW)
    assert document.place_of(("nodes", "search", "config", "deadline_ms")) == Place(6, 16)


def test_an_empty_value_stands_behind_its_key() -> None:
    assert read("a:\nb: 1").place_of(("a",)) == Place(1, 3)


def test_columns_count_characters_not_bytes() -> None:
    assert read("a: {é😀: x, b: 1}").place_of(("a", "b"), key=True) == Place(1, 12)


# Faults


@with_both_parsers
@pytest.mark.parametrize(
    ("text", "place", "message", "fix"),
    [
        # keys
        ("a: 1\nb: 2\na: 3", (3, 1), "key 'a' is already set on line 1", "remove or rename"),
        ('a: 1\n"a": 3', (2, 1), "key 'a' is already set on line 1", "remove or rename"),
        ("no: 1", (1, 1), "key 'no' reads as a boolean, not as text", 'quote it: "no":'),
        ("x: {On: 1}", (1, 5), "key 'On' reads as a boolean, not as text", 'quote it: "On":'),
        ("yes: 1", (1, 1), "key 'yes' reads as a boolean", "quote it"),
        ("off: 1", (1, 1), "key 'off' reads as a boolean", "quote it"),
        ("true: 1", (1, 1), "key 'true' reads as a boolean", "quote it"),
        ("1: 1", (1, 1), "key '1' reads as a number", 'quote it: "1":'),
        ("1e3: 1", (1, 1), "key '1e3' reads as a number", "quote it"),
        ("1_000: 1", (1, 1), "key '1_000' reads as a number", "quote it"),
        (".inf: 1", (1, 1), "key '.inf' reads as a number", "quote it"),
        ("2024-05-01: 1", (1, 1), "key '2024-05-01' reads as a date", 'quote it: "2024-05-01":'),
        ("~: 1", (1, 1), "key '~' reads as null", "quote it"),
        (": 1", (1, 1), "a key is missing before ':'", "write a key"),
        ("a: {: 1}", (1, 5), "a key is missing before ':'", "write a key"),
        ("!!int 1: x", (1, 1), "tag '!!int' is not allowed on a key", "remove the tag"),
        ("<<: {a: 1}", (1, 1), "merge keys ('<<') are not supported", "write the keys out"),
        ("[a]: 1", (1, 1), "a mapping or list may not be a key", "quote it"),
        ("a: {{ topic }}", (1, 5), "a mapping or list may not be a key", 'as in "{{ topic }}"'),
        # tags
        (
            "a: !!python/object/apply:os.system [echo]",
            (1, 4),
            "tag '!!python/object/apply:os.system'",
            "remove the tag",
        ),
        ("a: !!python/none x", (1, 4), "tag '!!python/none' is not allowed", "remove the tag"),
        ("a: !custom 1", (1, 4), "tag '!custom' is not allowed", "remove the tag; quote the text"),
        ("a: !custom {b: 1}", (1, 4), "tag '!custom' is not allowed", "remove the tag"),
        ("a: !<tag:example.org,2024:x> 1", (1, 4), "tag 'tag:example.org,2024:x'", "remove the tag"),
        ("a: !!timestamp 2024-05-01", (1, 4), "tag '!!timestamp' is not allowed", "remove the tag"),
        ("a: !!binary aGk=", (1, 4), "tag '!!binary' is not allowed", "remove the tag"),
        ("a: !!set {b}", (1, 4), "tag '!!set' is not allowed", "remove the tag"),
        ("a: !!map [b]", (1, 4), "tag '!!map' is not allowed", "remove the tag"),
        ("a: !!int 'x'", (1, 4), "'x' does not fit its tag '!!int'", "remove the tag"),
        ("a: !!int 1.5", (1, 4), "'1.5' does not fit its tag '!!int'", "remove the tag"),
        ("a: !!int true", (1, 4), "'true' does not fit its tag '!!int'", "remove the tag"),
        ("a: !!float " + "9" * 400, (1, 4), "does not fit its tag '!!float'", "remove the tag"),
        ("a: !!bool yes", (1, 4), "'yes' does not fit its tag '!!bool'", "remove the tag"),
        ("a: !!null 0", (1, 4), "'0' does not fit its tag '!!null'", "remove the tag"),
        ("a: ! 12", (1, 4), "tag '!' is not allowed", "remove the tag"),
        ("a: !e!x 1", (1, 4), "a tag is not allowed here", "remove the tag"),
        ("a: !<x", (1, 4), "a tag is not allowed here", "remove the tag"),
        # numbers
        ("a: .inf", (1, 4), "'.inf' is not a JSON number", "use a finite number"),
        ("a: -.INF", (1, 4), "'-.INF' is not a JSON number", "use a finite number"),
        ("a: .NaN", (1, 4), "'.NaN' is not a JSON number", "use a finite number"),
        ("a: 1e400", (1, 4), "number '1e400' is too large", "use a number up to 1.79e308"),
        ("a: " + "9" * 4301, (1, 4), "is too long: 4,301 digits", "use at most 4,300 digits"),
        ("a: 0x" + "f" * 3572, (1, 4), "is too long: 3,572 digits", "use at most 4,300 digits"),
        ("a: 0." + "1" * 4300, (1, 4), "is too large or too long", "use a number up to"),
        # aliases
        ("a: *x", (1, 4), "alias '*x' has no anchor '&x' above it", "quote the text if '*' is meant as text"),
        ("*x : 1", (1, 1), "alias '*x' has no anchor '&x' above it", "quote the text"),
        ("a: &x [*x]", (1, 8), "alias '*x' stands inside what it stands for", "write the value out"),
        ("a: &x {b: {c: *x}}", (1, 15), "alias '*x' stands inside what it stands for", "write the value out"),
        ("a: */5 * * * *", (1, 4), "'*' starts an alias, but no name follows", 'quotes, as in "*..."'),
        ("a: &", (1, 4), "'&' starts an anchor, but no name follows", "quotes"),
        # the file
        ("", (1, 1), "the file is empty", "start with"),
        ("# only a comment\n", (1, 1), "the file is empty", "start with"),
        ("---\n...\n", (2, 1), "the file is empty", "start with"),
        ("\n- a\n", (2, 1), "the file holds a list, not keys with values", "start with"),
        ("text", (1, 1), "the file holds a single value, not keys with values", "start with"),
        ("a: 1\n---\nb: 2\n", (2, 1), "the file holds more than one document", "remove this '---'"),
        ("a: 1\n...\nb: 2", (3, 1), "text follows the end of the document", "remove the '...'"),
        ("%YAML 1.1\n---\na: 1", (1, 1), "workflows are YAML 1.2", "remove the %YAML line"),
        ("%YAML 3.0\n---\na: 1", (1, 1), "this directive is not understood", "remove the line"),
        ("a: b\0", (1, 5), "character U+0000 may not stand in a YAML file", '"\\x00" in double quotes'),
        ("a: 'b\n\n  \x1b[31m'", (3, 3), "character U+001B may not stand in a YAML file", '"\\x1b"'),
        ("a: b\u2028c", (1, 5), "character U+2028 may not stand in a YAML file", '"\\u2028"'),
        ("a: b\ufeffc", (1, 5), "character U+FEFF may not stand in a YAML file", '"\\ufeff"'),
        ("a" + "\x01" * 30, (1, 2), "the file holds 30 control characters, the first one here", "as plain text"),
        # syntax
        ("a:\n\tb: 1", (2, 1), "a tab is used for indentation", "indent with spaces"),
        ("a:\n  b: 1\n \tc: 2", (3, 2), "a tab is used for indentation", "indent with spaces"),
        ("a: b: c", (1, 5), "a value that holds ': ' must be quoted", "quotes around the whole value"),
        ("a: 1\n  b: 2", (2, 3), "a key may not stand here", "align it with the keys above"),
        ("a: 1\nb\nc: 2", (2, 1), "a ':' is missing after this key", "write 'key: value'"),
        ("a:\n   b: 1\n  c: 2", (3, 3), "this does not fit the mapping that starts on line 1", "align it"),
        ("a:\n  - b: 1\n   c: 2", (3, 4), "this does not fit the list that starts on line 2", "align it"),
        ("a: - b", (1, 4), "a list may not start on the line of its key", "on a line of its own"),
        ("a: [1, 2", (1, 4), "the '[' that opens here is never closed", "close it with ']'"),
        ("a: {b: 1", (1, 4), "the '{' that opens here is never closed", "close it with '}'"),
        ("a: [1, 2\nb: 3\n", (2, 2), "expected ',' or ']' after the '[' on line 1", "close it with ']'"),
        ("a: {topic: ${user.topic}}", (1, 12), "'${' must be quoted between '{' and '}'", '"${node.output}"'),
        ("a: 'x\nb: 1\n", (1, 4), "the quote that opens here is never closed", "write '' for a '"),
        ('a: "x\n---\n"', (1, 4), "the quote that opens here is never closed", 'write \\" for a "'),
        ("a: 'it's'", (1, 8), "text follows a closing quote", "quote the whole value"),
        ('a: "C:\\qemu"', (1, 7), "\\q is not a valid escape", "use single quotes"),
        ('a: "\\xyz"', (1, 5), "\\xyz is not a valid escape", "use single quotes"),
        ('a: "😀 \\ud83d"', (1, 7), "\\ud83d is not a valid escape", "write the character itself"),
        ('a: "\\U00110000"', (1, 5), "\\U00110000 is not a valid escape", "write the character itself"),
        ("a: @b", (1, 4), "a value may not start with '@'", 'quotes, as in "@..."'),
        ("a: `b`", (1, 4), "a value may not start with '`'", "quotes"),
        ("a: }", (1, 4), "a value may not start with '}'", "quotes"),
        ("a: |x\n  b", (1, 5), "after '|' or '>' only", "on the next line"),
    ],
)
def test_a_fault_says_what_and_where_and_how_to_fix_it(
    parser: type[EventParser], text: str, place: tuple[int, int], message: str, fix: str
) -> None:
    fault = only_fault(read(text, parser))
    assert message in fault.message
    assert fault.place == Place(*place)
    assert fault.fix is not None
    assert fix in fault.fix


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        ("a: 1".encode("utf-16"), Place(1, 1), "the file is UTF-16 or UTF-32"),
        ("a: 1".encode("utf-16-le"), Place(1, 1), "the file is UTF-16 or UTF-32"),
        ("a: 1".encode("utf-16-be"), Place(1, 1), "the file is UTF-16 or UTF-32"),
        ("a: 1".encode("utf-32"), Place(1, 1), "the file is UTF-16 or UTF-32"),
        ("a: 1".encode("utf-32-be"), Place(1, 1), "the file is UTF-16 or UTF-32"),
        ("a: 1\nb: reséarch".encode("latin-1"), Place(2, 7), "byte 0xE9 is not UTF-8"),
        (b"a: 1\nb: \xed\xa0\x80", Place(2, 4), "byte 0xED is not UTF-8"),
    ],
)
def test_what_is_not_utf_8_is_refused(data: bytes, place: Place, message: str) -> None:
    assert only_fault(read_yaml(data)) == Fault(message, place, "save the file as UTF-8")


@with_both_parsers
@pytest.mark.parametrize("text", ["a: {? : 1}", "a: {? }", "?\n: 1"])
def test_an_empty_key_is_refused_with_its_value(parser: type[EventParser], text: str) -> None:
    document = read(text, parser)
    assert only_fault(document).message == "a key is missing before ':'"
    assert document.value in ({}, {"a": {}})


@with_both_parsers
def test_all_faults_are_reported_at_once_and_in_file_order(parser: type[EventParser]) -> None:
    document = read("a: !x 1\nb: \x07\nno: 1\na: 2\nc: .nan\nd: *q\ne: [1, 2\n", parser)
    assert [(fault.place.line, fault.message.split()[0]) for fault in document.faults if fault.place] == [
        (1, "tag"),
        (2, "character"),
        (3, "key"),
        (4, "key"),
        (5, "'.nan'"),
        (6, "alias"),
        (7, "the"),
    ]
    assert document.value == {"a": None, "b": "\ufffd", "no": 1, "c": None, "d": None, "e": [1, 2]}


@with_both_parsers
@pytest.mark.parametrize(
    ("text", "value", "is_whole"),
    [
        ("1: x\nno: y", {"1": "x", "no": "y"}, True),
        ("a: .inf\nb: !x 1", {"a": None, "b": None}, True),
        ("a: 1\na: 2\nb: 3", {"a": 1, "b": 3}, False),
        ("<<: {a: 1}\nb: {[c]: {d: 1}, e: 2}", {"b": {"e": 2}}, False),
        ("a: {b: 1\n", {"a": {"b": 1}}, False),
    ],
)
def test_what_could_be_read_is_kept_and_the_document_knows_whether_that_is_all(
    parser: type[EventParser], text: str, value: YamlValue, is_whole: bool
) -> None:
    document = read(text, parser)
    assert (document.value, document.is_whole) == (value, is_whole)
    assert document.faults


def test_a_thousand_faults_are_enough() -> None:
    document = read("a: {" + "b: 1, " * 3000 + "}")
    assert len(document.faults) == 1001
    assert document.faults[-1].message == "there are more faults; the rest is not listed"
    assert not document.is_whole


def test_long_text_in_a_message_is_cut_and_what_is_invisible_is_escaped() -> None:
    key = f'"\\e\\r{"x" * 500}"'
    fault = only_fault(read(f"{key}: 1\n{key}: 2"))
    assert len(fault.message) < 120
    assert fault.message.isprintable()


# Limits


@with_both_parsers
@pytest.mark.parametrize("opener", ["[", "{a: ", "- ", "\n"])
def test_nesting_stops_at_the_limit(parser: type[EventParser], opener: str) -> None:
    def nested(levels: int) -> str:
        if opener == "\n":
            return "\n".join(f"{' ' * level}a:" for level in range(levels))
        closer = {"[": "]", "{a: ": "}", "- ": ""}[opener]
        return "a:\n " + opener * (levels - 1) + closer * (levels - 1)

    assert read(nested(50), parser).faults == []
    fault = only_fault(read(nested(51), parser))
    assert fault.message == "nested deeper than 50 levels (limits.depth)"
    assert fault.fix == "flatten the structure, or raise limits.depth"
    assert only_fault(read(nested(4), parser, depth=3)).message == "nested deeper than 3 levels (limits.depth)"
    assert read(nested(4), parser, depth=4).faults == []


def test_aliases_cannot_nest_deeper_than_the_limit() -> None:
    deep = "a: &a " + "[" * 30 + "]" * 30 + "\nb: "
    assert read(deep + "[" * 19 + "*a" + "]" * 19).faults == []
    fault = only_fault(read(deep + "[" * 20 + "*a" + "]" * 20))
    assert fault.message == "alias '*a' nests deeper than 50 levels (limits.depth)"
    twice = "a: &a " + "[" * 30 + "]" * 30 + "\nb: &b [[*a]]\nc: " + "[" * 18 + "*b" + "]" * 18
    assert "limits.depth" in only_fault(read(twice)).message


def test_aliases_may_stand_for_so_many_nodes_and_no_more() -> None:
    anchor = "a: &a [1, {b: 2}]\n"  # the list, the 1, the mapping, the 2
    assert read(anchor + "c: [*a, *a]", nodes=8).faults == []
    fault = only_fault(read(anchor + "c: [*a, *a, *a]", nodes=11))
    assert fault.message == "aliases expand the file by more than 11 nodes (limits.nodes)"
    assert fault.place == Place(2, 13)
    assert fault.fix == "write the values out, or raise limits.nodes"
    nested = anchor + "c: &c [*a, 3]\nd: *c"  # 4 for a, then 6 for c
    assert read(nested, nodes=10).faults == []
    assert len(read(nested, nodes=9).faults) == 1


def test_a_file_without_aliases_may_have_any_number_of_nodes() -> None:
    assert read("a: [1, 2, 3]\nb: {c: d}", nodes=1).faults == []


def test_a_file_may_be_as_large_as_the_limit() -> None:
    assert read("a: 1\nb: é", bytes=10).faults == []
    fault = only_fault(read("a: 1\nb: é", bytes=9))
    assert fault.message == "the file is larger than 9 bytes (limits.file_bytes)"
    assert fault.fix == "split the file, or raise limits.file_bytes"
    assert fault.place == Place(2, 5)


BOMBS = {
    "billion laughs": "a: &a [x]\n"
    + "".join(f"b{i}: &{'b' * (i + 1)} [{','.join(['*' + 'b' * i] * 10)}]\n" for i in range(1, 30)),
    "quadratic aliases": "a: &a [" + "x, " * 1000 + "]\nb: [" + "*a, " * 100_000 + "]",
    "20,000 lists": "a: " + "[" * 20_000,
    "20,000 mappings": "a: " + "{a: " * 20_000,
    "20,000 dashes": "- " * 20_000,
    "20,000 question marks": "? " * 20_000,
    "a scalar of 2 MB": "a: " + "x" * 2_000_000,
    "a number of 1 MB": "a: " + "1" * 1_000_000,
    "a fraction of 1 MB": "a: 0." + "1" * 1_000_000,
    "a hexadecimal number of 1 MB": "a: 0x" + "f" * 1_000_000,
    "a long exponent": "a: 1e" + "9" * 4000,
    "a duplicate key 100,000 times": "a: {" + "b: 1, " * 100_000 + "}",
    "a million colons": "a: " + ": " * 500_000,
    "a million control characters": "a: " + "\x01" * 1_000_000,
    "an open quote": "a: '" + "''" * 500_000,
    "a tag of 1 MB": "a: !" + "x" * 1_000_000,
}


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="the pure parser alone takes longer")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_a_second(name: str) -> None:
    data = BOMBS[name].encode()
    started = time.process_time()
    document = read_yaml(data)
    assert time.process_time() - started < 1
    assert document.faults
    assert all(fault.place and len(fault.message) < 200 for fault in document.faults)


# Anything

# PyYAML writes these line breaks of YAML 1.1 as they are.
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029\ufeff")
TEXTS = st.text(CHARACTERS, max_size=20).filter(lambda text: not text or isinstance(as_plain(text), str))


def as_plain(text: str) -> YamlValue:
    try:
        return plain_value(text)
    except ValueError:
        return None


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES: st.SearchStrategy[YamlValue] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5), max_leaves=30
)
MAPPINGS = st.dictionaries(TEXTS, VALUES, max_size=6)
EITHER_PARSER = st.sampled_from([param.values[0] for param in PARSERS])


@given(MAPPINGS, EITHER_PARSER, st.booleans(), st.booleans())
@settings(deadline=None)
def test_what_pyyaml_writes_is_read_back(
    value: dict[str, YamlValue], parser: type[EventParser], in_flow: bool, as_unicode: bool
) -> None:
    text = yaml.safe_dump(value, allow_unicode=as_unicode, default_flow_style=in_flow, sort_keys=False)
    document = read(text, parser)
    assert document.faults == []
    assert same(document.value, value)


def same(one: YamlValue, other: YamlValue) -> bool:
    """Equal, and of equal types all the way down."""
    return json.dumps(one) == json.dumps(other)


def tokens_of(value: YamlValue, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    """Every path in *value* with the JSON text that stands there begins with."""
    here = [(path, "{" if isinstance(value, dict) else "[" if isinstance(value, list) else as_json(value))]
    if isinstance(value, dict):
        return here + [found for key, item in value.items() for found in tokens_of(item, (*path, key))]
    if isinstance(value, list):
        return here + [found for index, item in enumerate(value) for found in tokens_of(item, (*path, index))]
    return here


def as_json(value: YamlValue) -> str:
    return json.dumps(value, ensure_ascii=False)


PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Cn", "Zl", "Zp"]), max_size=12)
JSON_MAPPINGS = st.dictionaries(
    PRINTABLE,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PRINTABLE,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PRINTABLE, inner, max_size=4),
        max_leaves=20,
    ),
    max_size=5,
)


@given(JSON_MAPPINGS, EITHER_PARSER, st.sampled_from([None, 1, 3]), st.sampled_from(["\n", "\r\n", "\r"]))
@settings(deadline=None)
def test_every_place_points_at_its_key_and_its_value(
    value: dict[str, YamlValue], parser: type[EventParser], indent: int | None, line_end: str
) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent).replace("\n", line_end)
    document = read(text, parser)
    assert document.faults == []
    assert same(document.value, value)
    lines = re.split("\r\n|\r|\n", text)

    def text_at(place: Place) -> str:
        return lines[place.line - 1][place.column - 1 :]

    for path, token in tokens_of(value):
        assert text_at(document.place_of(path)).startswith(token)
        if path and isinstance(path[-1], str):
            assert text_at(document.place_of(path, key=True)).startswith(as_json(path[-1]) + ":")
        assert document.place_of((*path, "longer than any key", 0)) == document.place_of(path)


def check_promises(data: bytes, parser: type[EventParser]) -> None:
    """What holds for any bytes: no exception, usable faults, and without faults a JSON mapping."""
    document = read_yaml(data, parser=parser)
    lines = re.split(b"\r\n|\r|\n", data)
    for fault in document.faults:
        assert fault.message
        assert fault.message.isprintable()
        assert not fault.message.startswith("Error")
        assert fault.fix
        assert fault.fix.isprintable()
        assert fault.place is not None
        assert 1 <= fault.place.line <= len(lines)
        assert fault.place.column >= 1
    assert document.faults == sorted(document.faults, key=lambda f: (f.place.line, f.place.column) if f.place else ())
    if not document.faults:
        assert isinstance(document.value, dict)
        assert document.is_whole
        json.dumps(document.value, allow_nan=False).encode()
    for path, _ in tokens_of(document.value):
        place = document.place_of(path)
        assert 1 <= place.line <= len(lines)


@given(st.binary(max_size=200), EITHER_PARSER)
@settings(deadline=None, max_examples=300)
@example(b"%YAML " + b"9" * 5000 + b".1\n---\na: 1", yaml.SafeLoader)
@example(b'a: "\\UFFFFFFFF"', yaml.SafeLoader)
def test_any_bytes_give_a_document(data: bytes, parser: type[EventParser]) -> None:
    check_promises(data, parser)


YAML_CHARACTERS = "abc1 \n\t:-?[]{},&*!|>'\"%@`#~.\\\0\r\ufeff\u2028é"
YAML_WORDS = [": ", "\n  ", "- ", "? ", "---\n", "...\n", "&a ", "*a ", "<<: ", "!!str ", "!!int ", "!!python/none "]
YAML_WORDS += [
    "!x!y ",
    "! ",
    "null",
    "no: ",
    "1e999",
    "${a.b}",
    "\\ud800",
    "\\U",
    "{{x}}",
    "|\n",
    ">-\n",
    "0x1F",
    "1:2",
]
YAML_WORDS += ["%YAML 1.2\n", "%TAG ! x\n", "name: ", "a: "]
YAML_PIECES = st.sampled_from([*YAML_CHARACTERS, *YAML_WORDS])


@given(st.lists(YAML_PIECES, max_size=40).map("".join), EITHER_PARSER)
@settings(deadline=None, max_examples=500)
def test_any_text_made_of_yaml_gives_a_document(text: str, parser: type[EventParser]) -> None:
    check_promises(text.encode(), parser)


@given(
    st.lists(
        st.tuples(st.integers(0, len(WORKFLOW)), st.integers(0, 6), YAML_PIECES | st.just("")), min_size=1, max_size=4
    ),
    EITHER_PARSER,
)
@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_any_mutation_of_a_workflow_gives_a_document(
    mutations: list[tuple[int, int, str]], parser: type[EventParser]
) -> None:
    text = WORKFLOW
    for start, length, piece in mutations:
        text = text[:start] + piece + text[start + length :]
    check_promises(text.encode(), parser)
