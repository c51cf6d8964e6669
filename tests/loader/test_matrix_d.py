"""Matrix D of RELIABILITY.md: bad input ends in one error that names the file, the place and a way out."""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from binex.adapters.registry import Registry
from binex.errors import Fault, InputError, WorkflowError
from binex.graph.dag import DAG, MAX_FAULTS
from binex.loader import load_workflow, missing_environment, parse_assignments, parse_workflow
from binex.models.limits import Limits

FaultsOf = Callable[[str], list[Fault]]
Told = Callable[[str], str]

NODES = "nodes: {a: {agent: tool://echo}}\n"
EXAMPLES = Path(__file__).parents[2] / "examples"
NAME_FIX = "use 1 to 64 letters, digits, '_', '-' and '.', not starting with '.'"


def only(faults: list[Fault]) -> Fault:
    assert len(faults) == 1, faults
    return faults[0]


class TestD1MutatedFiles:
    """2,000 files, each a real one that something happened to."""

    COUNT = 2000
    TOKENS = (
        "nodes:", "agent:", "${", "}", "{", "[", "]", ":", "- ", "&a ", "*a", "!!python/name:os.system ", "|", ">",
        "'", '"', "\t", "\0", "\ufeff", "\x85", "${user.x}", "${item}", "depends_on: [", "when: (", "1e999", "0x",
        "~", "%", "@", "<<: ", "? ", "---\n", "...\n", "\u202e", "no: ", "version: 9", "foreach: ", "a" * 500,
        "file://../../etc/passwd", "9" * 50, "on_item_failure: maybe\n", "inputs: 3\n", "local://os.system", "tool://",
    )  # fmt: skip

    def mutated(self, data: bytes, chance: random.Random) -> bytes:
        for _ in range(chance.choice((1, 1, 2, 3, 8))):
            match chance.randrange(9):
                case 0:  # a byte is another one
                    at = chance.randrange(len(data) or 1)
                    data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
                case 1:  # a piece is missing
                    at = chance.randrange(len(data) or 1)
                    data = data[:at] + data[at + chance.choice((1, 2, 10, 100)) :]
                case 2:  # the rest is missing
                    data = data[: chance.randrange(len(data) or 1)]
                case 3 | 4:  # something was put in between
                    at = chance.randrange(len(data) + 1)
                    data = data[:at] + chance.choice(self.TOKENS).encode() + data[at:]
                case 5:  # a line is there twice
                    lines = data.splitlines(keepends=True) or [b""]
                    at = chance.randrange(len(lines))
                    data = b"".join([*lines[:at], lines[at], *lines[at:]])
                case 6:  # two lines have changed places
                    lines = data.splitlines(keepends=True) or [b""]
                    one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
                    lines[one], lines[two] = lines[two], lines[one]
                    data = b"".join(lines)
                case 7:  # a line is indented otherwise
                    lines = data.splitlines(keepends=True) or [b""]
                    at = chance.randrange(len(lines))
                    lines[at] = chance.choice((b"", b" ", b"  ", b"\t", b"        ")) + lines[at].lstrip(b" ")
                    data = b"".join(lines)
                case _:  # a word is another word of the file
                    words = data.split(b" ")
                    words[chance.randrange(len(words))] = chance.choice(words)
                    data = b" ".join(words)
        return data

    def test_a_mutated_file_is_loaded_or_refused_with_its_name_in_time(
        self, tmp_path: Path, registry: Registry
    ) -> None:
        originals = [file.read_bytes() for file in sorted(EXAMPLES.glob("*/*.yaml"))]
        originals.append((Path(__file__).parent / "broken" / "flow.yaml").read_bytes())
        originals = [text.replace(b"local://digest.", b"plain://") for text in originals]
        chance = random.Random(20261122)
        refused = 0
        file = tmp_path / "mutated.yaml"
        for number in range(self.COUNT):
            data = self.mutated(originals[number % len(originals)], chance)
            file.write_bytes(data)
            start = time.process_time()
            try:
                load_workflow(file, registry=registry)
            except WorkflowError as error:
                refused += 1
                self.check(error, file, data)
            assert time.process_time() - start < 1.0, f"number {number}"
        assert refused > self.COUNT / 2, "most mutations should be seen"

    def check(self, error: WorkflowError, file: Path, data: bytes) -> None:
        assert error.faults, data
        assert error.message.startswith(str(file)), data
        assert all(c.isprintable() or c == "\n" for c in error.message), data
        lines = data.count(b"\n") + data.count(b"\r") + 1
        for fault in error.faults:
            assert fault.message, data
            assert fault.line is not None and 1 <= fault.line <= lines, (fault, data)
            assert fault.column is not None and fault.column >= 1, (fault, data)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"a: {'[' * 20_000}", "nested deeper than 50 levels (limits.depth)"),
        (f"name: {'x' * 2_000_000}", "the file is larger than 1,048,576 bytes (limits.file_bytes)"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)),
            "aliases expand the file by more than 100,000 nodes (limits.nodes)",
        ),
    ],
)
def test_d2_a_bomb_is_refused_within_a_second(faults_of: FaultsOf, text: str, reason: str) -> None:
    start = time.process_time()
    faults = faults_of(text)
    assert time.process_time() - start < 1
    assert reason in [fault.message for fault in faults]


def test_d2_every_limit_can_be_raised(registry: Registry) -> None:
    deep = f"nodes: {{a: {{agent: tool://echo, config: {{x: {'[' * 60}{']' * 60}}}}}}}"
    with pytest.raises(WorkflowError, match=r"limits\.depth"):
        parse_workflow(deep, registry=registry)
    assert parse_workflow(deep, registry=registry, limits=Limits(depth=80))
    with pytest.raises(WorkflowError, match=r"larger than 20 bytes \(limits\.file_bytes\)"):
        parse_workflow(NODES, registry=registry, limits=Limits(file_bytes=20))


class TestD2CostsGrowWithTheSizeOfTheFileOnly:
    """Small files that once took many seconds, because work or faults grew with the square of their size."""

    @pytest.mark.parametrize(
        "text",
        [
            "nodes:\n" + "".join(f"  n{i}: {{agent: tool://echo, depends_on: [hub{i}]}}\n" for i in range(1000)),
            "nodes:\n" + "".join(f"  n{i}: {{agent: tool://echo, depends_on: [n{i}]}}\n" for i in range(2000)),
            "nodes:\n" + "".join(f"  n{i}: {{agent: tool://echo, outputs: 3}}\n" for i in range(2000)),
            "nodes:\n" + "".join(f"  n{i}: {{agent: tool{i}://x}}\n" for i in range(2000)),
            "nodes: {a: {agent: tool://echo, outputs: [" + ", ".join(f"o{i}" for i in range(20_000)) + "]}}",
            "nodes: {a: {agent: tool://echo, inputs: {x: '${" + ".".join(["a"] * 20_000) + "}'}}}",
            "nodes: {a: {agent: tool://echo, inputs: {x: '" + "${" * 200_000 + "'}}}",
            "nodes: {a: {agent: tool://echo, when: '" + "(" * 3000 + "'}}",
            "nodes: {a: {agent: tool://echo, when: '" + "not " * 900 + "${user.x}'}}",
        ],
        ids=["ghosts", "loops", "bad nodes", "schemes", "outputs", "long reference", "open", "brackets", "not"],
    )
    def test_a_hostile_file_is_settled_within_seconds(self, faults_of: FaultsOf, text: str) -> None:
        start = time.process_time()
        faults_of(text)
        assert time.process_time() - start < 4

    def test_a_cycle_through_thousands_of_nodes_is_shown_in_short(self, faults_of: FaultsOf) -> None:
        nodes = "".join(f"  n{i}: {{agent: tool://echo, depends_on: [n{(i + 1) % 5000}]}}\n" for i in range(5000))
        fault = only(faults_of(f"nodes:\n{nodes}"))
        assert fault.message.startswith("these nodes wait for each other: n0 -> ")
        assert fault.message.endswith(" -> n0")
        assert "more …" in fault.message
        assert len(fault.message) < 300

    def test_binding_gives_up_after_a_hundred_faults(self, faults_of: FaultsOf) -> None:
        nodes = "".join(f"  n{i}: {{agent: tool://echo, depends_on: [ghost]}}\n" for i in range(150))
        assert len(faults_of(f"nodes:\n{nodes}")) == MAX_FAULTS


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("!!python/object/apply:os.system ['touch owned']", "!!python/object/apply:os.system"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("!custom x", "!custom"),
        ("!!timestamp x", "!!timestamp"),
        ("!!int 'x'", "!!int"),
        ("1" + "0" * 5000, "too long"),
        ("1e999", "1e999"),
    ],
)
def test_d3_a_tag_or_a_huge_number_is_named_and_nothing_is_executed(
    faults_of: FaultsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    fault = only(faults_of(f"{NODES}description: {value}\n"))
    assert named in fault.message
    assert (fault.line, fault.column) == (2, 14)
    assert list(tmp_path.iterdir()) == []


def test_d4_a_duplicate_key_is_refused_with_both_lines(faults_of: FaultsOf) -> None:
    fault = only(faults_of(f"name: x\n{NODES}name: y\n"))
    assert (fault.line, fault.column) == (3, 1)
    assert "'name'" in fault.message
    assert "line 1" in fault.message


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        (
            "nodes: {a: {dependson: [b], AGENT}}",
            "unknown key 'dependson' in node 'a'",
            "did you mean 'depends_on'? keys: ",
        ),
        ("nodes: {a: {needs: [b], AGENT}}", "unknown key 'needs' in node 'a'", "did you mean 'depends_on'? "),
        ("nodes: {a: {if: x, AGENT}}", "unknown key 'if' in node 'a'", "did you mean 'when'? "),
        ("nodes: {a: {prompt: x, AGENT}}", "unknown key 'prompt' in node 'a'", "did you mean 'system_prompt'? "),
        (
            "nodes: {a: {retry_policy: {retries: 1}, AGENT}}",
            "unknown key 'retries' in retry_policy of node 'a'",
            "did you mean 'max_retries'? keys: backoff, ",
        ),
        (f"{NODES}nmae: x", "unknown key 'nmae'", "did you mean 'name'? keys: budget, concurrency, "),
        (f"{NODES}inputs: {{x: {{typ: string}}}}", "unknown key 'typ' in input 'x'", "did you mean 'type'? keys: "),
        (f"{NODES}defaults: {{deadline: 3}}", "unknown key 'deadline' in defaults", "did you mean 'deadline_ms'? "),
        (
            f"{NODES}defaults: {{retry_policy: {{delay: 3}}}}",
            "unknown key 'delay' in defaults.retry_policy",
            "did you mean 'delay_ms'? keys: ",
        ),
    ],
)
def test_d5_an_unknown_key_is_refused_with_the_nearest_one(
    faults_of: FaultsOf, text: str, message: str, fix: str
) -> None:
    text = text.replace("AGENT", "agent: tool://echo")
    fault = only(faults_of(text))
    assert fault.message == message
    assert (fault.fix or "").startswith(fix)
    line, key = text.splitlines()[(fault.line or 1) - 1], message.split("'")[1]
    assert line[(fault.column or 1) - 1 :].startswith(key), "the place is the key's"


@pytest.mark.parametrize("key", ["webhook", "schedule", "workspace"])
def test_d5_a_field_of_the_workflow_that_is_not_built_yet_is_refused_by_name(faults_of: FaultsOf, key: str) -> None:
    assert only(faults_of(f"{NODES}{key}: x")).message == f"'{key}' is not supported yet"


@pytest.mark.parametrize(
    "key",
    [
        "back_edge", "assertions", "cost", "routing", "heartbeat_timeout_ms", "workspace", "pattern",
        "item_key",
    ],
)  # fmt: skip
def test_d5_a_field_of_a_node_that_is_not_built_yet_is_refused_by_name(faults_of: FaultsOf, key: str) -> None:
    fault = only(faults_of(f"nodes: {{a: {{agent: tool://echo, {key}: x}}}}"))
    assert fault.message == f"'{key}' in node 'a' is not supported yet"


@pytest.mark.parametrize("key", ["no", "1", "2024-01-01", "true", "1.5", "null"])
def test_d6_a_key_that_reads_as_something_else_is_to_be_quoted(faults_of: FaultsOf, key: str) -> None:
    fault = only(faults_of(f"nodes:\n  {key}: {{agent: tool://echo}}\n"))
    assert f'"{key}"' in (fault.fix or "")
    assert (fault.line, fault.column) == (2, 3)
    assert faults_of(f'nodes:\n  "{key}": {{agent: tool://echo}}\n') == []


def test_d7_cycles_and_ghosts_are_told_together(faults_of: FaultsOf) -> None:
    found = faults_of("""
nodes:
  a: {agent: tool://echo, depends_on: [b]}
  b: {agent: tool://echo, inputs: {x: "${a.output}"}}
  c: {agent: tool://echo, depends_on: c}
  d: {agent: tool://echo, depends_on: [ghost]}
""")
    assert [(fault.line, fault.column, fault.message, fault.fix) for fault in found] == [
        (3, 3, "these nodes wait for each other: a -> b -> a", "remove one of these dependencies"),
        (5, 3, "these nodes wait for each other: c -> c", "remove one of these dependencies"),
        (6, 40, "node 'd' depends on 'ghost', which is not defined", "defined nodes: a, b, c, d"),
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (f"{NODES}---\n{NODES}".encode(), "more than one document"),
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"- a\n- b\n", "holds a list"),
        (b"hello", "holds a single value"),
        (NODES.encode("utf-16"), "UTF-16"),
        (b"name: caf\xe9\n" + NODES.encode(), "not UTF-8"),
        (b"na\0me: x\n" + NODES.encode(), "U+0000"),
        (b"nodes:\n\ta: 1\n", "tab"),
    ],
)
def test_d8_what_is_no_single_document_of_plain_text_is_refused(
    tmp_path: Path, registry: Registry, data: bytes, reason: str
) -> None:
    file = tmp_path / "flow.yaml"
    file.write_bytes(data)
    with pytest.raises(WorkflowError) as caught:
        load_workflow(file, registry=registry)
    assert any(reason in fault.message for fault in caught.value.faults)
    assert f"{file}:" in caught.value.message


@pytest.mark.parametrize("node_id", ["../x", "a/b", "x" * 65, "x" * 300, '"a\\x07"', ".a", '""', "a b", "é"])
def test_d9_an_id_that_could_be_a_path_or_more_is_refused(faults_of: FaultsOf, node_id: str) -> None:
    fault = only(faults_of(f"nodes:\n  {node_id}: {{agent: tool://echo}}\n"))
    assert fault.message.endswith("cannot be the id of a node")
    assert fault.fix == NAME_FIX
    assert (fault.line, fault.column) == (2, 3)


@pytest.mark.parametrize("node_id", ["con", "NUL", "aux.txt", "com1"])
def test_d9_an_id_that_is_a_device_somewhere_is_refused(faults_of: FaultsOf, node_id: str) -> None:
    fault = only(faults_of(f"nodes:\n  {node_id}: {{agent: tool://echo}}\n"))
    assert fault.message == f"'{node_id}' cannot be the id of a node: Windows takes it for a device"


@pytest.mark.parametrize("node_id", ["user", "env", "secret", "node", "item", "index"])
def test_d9_an_id_that_references_need_is_refused(faults_of: FaultsOf, node_id: str) -> None:
    fault = only(faults_of(f"nodes:\n  {node_id}: {{agent: tool://echo}}\n"))
    assert "references such as" in fault.message


class TestD10WhatIsNoFile:
    def refused(self, path: Path) -> str:
        start = time.monotonic()
        with pytest.raises(WorkflowError) as caught:
            load_workflow(path)
        assert time.monotonic() - start < 2, "nothing is waited for"
        assert caught.value.message.startswith(f"{path}: ")
        return caught.value.message.removeprefix(f"{path}: ")

    def test_a_folder(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path) == "is a folder, not a file"

    def test_a_pipe_that_nobody_writes_to(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "flow.yaml")
        assert self.refused(tmp_path / "flow.yaml") == "is a pipe, not a file"

    def test_a_device_without_end(self, tmp_path: Path) -> None:
        (tmp_path / "flow.yaml").symlink_to("/dev/zero")
        assert self.refused(Path("/dev/zero")) == "is a device, not a file"
        assert self.refused(tmp_path / "flow.yaml") == "is a device, not a file"

    def test_a_file_that_is_not_there_with_the_nearest_name(self, tmp_path: Path) -> None:
        (tmp_path / "research.yaml").write_text(NODES)
        with pytest.raises(WorkflowError) as caught:
            load_workflow(tmp_path / "reserch.yaml")
        assert caught.value.message == f"{tmp_path / 'reserch.yaml'}: does not exist"
        assert caught.value.fix == "did you mean 'research.yaml'? files there: research.yaml"

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path / "gone" / "flow.yaml") == "does not exist"
        assert "not a folder" in self.refused(Path(__file__) / "flow.yaml")

    def test_a_name_that_cannot_be_one(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path / ("x" * 300)) == "does not exist: the name is too long"
        with pytest.raises(WorkflowError, match="is not the name of a file"):
            load_workflow("a\0b")
        with pytest.raises(WorkflowError, match="is a folder"):
            load_workflow("")

    def test_a_link_in_a_circle(self, tmp_path: Path) -> None:
        (tmp_path / "flow.yaml").symlink_to("flow.yaml")
        assert "symbolic link" in self.refused(tmp_path / "flow.yaml")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read(self, tmp_path: Path) -> None:
        file = tmp_path / "flow.yaml"
        file.write_text(NODES)
        file.chmod(0)
        assert self.refused(file) == "may not be read"

    def test_a_link_to_a_file_elsewhere_is_read_where_the_link_is(self, tmp_path: Path, registry: Registry) -> None:
        (tmp_path / "there").mkdir()
        (tmp_path / "here").mkdir()
        (tmp_path / "there" / "real.yaml").write_text(NODES)
        (tmp_path / "here" / "flow.yaml").symlink_to(tmp_path / "there" / "real.yaml")
        spec = load_workflow(tmp_path / "here" / "flow.yaml", registry=registry)
        assert spec.source is not None
        assert spec.source.folder == str(tmp_path / "here")


@pytest.mark.parametrize("pair", ["topic", "=x", "", " =x"])
def test_d11_a_malformed_variable_is_refused(pair: str) -> None:
    with pytest.raises(InputError, match="is not a variable"):
        parse_assignments([pair])


def test_d12_a_missing_environment_variable_is_told_with_its_place_and_no_value(registry: Registry) -> None:
    spec = parse_workflow(
        "nodes:\n  a:\n    agent: tool://echo\n    config: {key: '${secret.KEY}', url: ['x', '${env.URL}/v1']}\n",
        registry=registry,
    )
    (fault,) = missing_environment(DAG.from_workflow(spec), {"KEY": "hidden"})
    assert fault.path == ("nodes", "a", "config", "url", 1)
    assert fault.message == "node 'a' needs ${env.URL}, and URL is not in the environment"


@pytest.mark.parametrize("text", ["{{7*7}}", "{% x %}", "$(id)", "`id`", "%(x)s", "{0.__class__}", "$x", "$${x}"])
def test_d13_what_is_no_reference_is_only_text(registry: Registry, text: str) -> None:
    spec = parse_workflow(f"nodes: {{a: {{agent: tool://echo, inputs: {{x: '{text}'}}}}}}", registry=registry)
    template = DAG.from_workflow(spec).nodes["a"].inputs
    assert template is not None
    assert template.references == ()
    assert template.fill(lambda _: None) == {"x": text.replace("$${", "${")}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("inputs: {x: \"${__import__('os')}\"}", "${__import__('os')} is not a reference"),
        ("inputs: {x: '${a.output.__class__()}'}", "is not a reference"),
        ("inputs: {x: '${__import__}'}", "${__import__} names no node of this workflow"),
        ("inputs: {x: '${a.__class__}'}", "node 'a' has no output '__class__'"),
        ("when: a.__class__ == 1", "is neither a reference nor a literal"),
        ("when: '${user.x} == f(1)'", "unexpected '('"),
        ("when: '${user.x}[0]'", "unexpected '['"),
        ("when: '${user.x} ** 9 ** 9'", "cannot read '** 9 ** 9'"),
    ],
)
def test_d13_what_would_be_code_elsewhere_is_refused(faults_of: FaultsOf, body: str, reason: str) -> None:
    fault = only(faults_of(f"nodes: {{a: {{agent: tool://echo, {body}}}}}"))
    assert reason in fault.message


def test_d14_a_prompt_outside_the_folder_is_refused(told: Told) -> None:
    assert told("nodes:\n  a: {agent: tool://echo, system_prompt: file://../../etc/passwd}\n").startswith(
        "flow.yaml:2:42: node 'a': the prompt file '../../etc/passwd' is outside the workflow's folder\n  fix: "
    )


def test_d16_a_newer_format_is_refused_with_what_is_needed_and_nothing_else(told: Told) -> None:
    found = told("version: 2\nloops: {}\nsteps: []\n")
    assert found.startswith("flow.yaml:1:10: version 2 of the file format needs a newer Binex: this is Binex ")
    assert found.endswith(", which reads version 1\n  fix: upgrade with 'pip install --upgrade binex'")


def test_every_example_loads(registry: Registry) -> None:
    for file in sorted(EXAMPLES.glob("*/*.yaml")):
        assert load_workflow(file).nodes
