"""A workflow file in, a spec or every fault out."""

import difflib
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from binex.adapters.registry import Registry
from binex.errors import Fault, FieldFault, WorkflowError
from binex.graph.dag import DAG
from binex.loader import (
    find_literal_keys,
    literal_secrets,
    load_source,
    load_workflow,
    locate_faults,
    node_uses,
    parse_workflow,
    redact_source,
)
from binex.models.limits import Limits
from binex.models.workflow_source import WorkflowSource
from binex.tape.redaction import Redactor

FaultsOf = Callable[[str], list[Fault]]
Told = Callable[[str], str]

BROKEN = Path(__file__).parent / "broken"
KEY = "sk-proj-" + "Ab3dEf6hIj" * 4

FLOW = """\
description: two steps
inputs:
  topic: {type: string}
nodes:
  plan:
    agent: tool://echo
    system_prompt: file://prompts/plan.md
    inputs: {topic: "${user.topic}"}
    outputs: plan
  write:
    agent: tool://upper
    inputs: {text: "${plan.plan}"}
    depends_on: plan
"""


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "plan.md").write_text("Plan for ${user.topic}.\n", encoding="utf-8")
    file = tmp_path / "flow.yaml"
    file.write_text(FLOW, encoding="utf-8")
    return file


def test_a_file_becomes_a_spec_that_knows_its_source(flow: Path, registry: Registry) -> None:
    spec = load_workflow(flow, registry=registry)
    assert spec.name == "flow", "a workflow without a name has its file's"
    assert list(spec.nodes) == ["plan", "write"]
    assert spec.nodes["plan"].outputs == ("plan",)
    assert spec.nodes["write"].depends_on == ("plan",)
    assert spec.system_prompt_of("plan") == "Plan for ${user.topic}.\n"
    assert spec.source == WorkflowSource(
        file=str(flow),
        folder=str(flow.parent),
        text=FLOW,
        prompts={"file://prompts/plan.md": "Plan for ${user.topic}.\n"},
    )


def test_a_recorded_source_loads_when_every_file_is_gone(flow: Path, registry: Registry) -> None:
    spec = load_workflow(flow, registry=registry)
    assert spec.source is not None
    (flow.parent / "prompts" / "plan.md").unlink()
    flow.unlink()
    again = load_source(spec.source)
    assert again == spec
    assert again.source == spec.source
    assert load_source(spec.source, registry=registry) == spec


def test_a_prompt_that_was_not_recorded_is_a_fault_and_not_looked_for(flow: Path) -> None:
    source = WorkflowSource(file=str(flow), folder=str(flow.parent), text=FLOW)
    with pytest.raises(WorkflowError, match=r"flow\.yaml:7:20: .*'prompts/plan\.md' was not recorded"):
        load_source(source)


def test_a_text_is_a_workflow_too(registry: Registry, flow: Path) -> None:
    spec = parse_workflow(FLOW, folder=flow.parent, registry=registry)
    assert spec.name == "workflow"
    assert spec.source is not None
    assert spec.source.folder == str(flow.parent)
    with pytest.raises(WorkflowError, match=r"<text>:7:20: .* has no folder to be found in"):
        parse_workflow(FLOW, registry=registry)


def test_a_json_file_is_a_workflow_file(tmp_path: Path, registry: Registry) -> None:
    file = tmp_path / "flow.json"
    file.write_text('{"name": "j",\n\t"nodes": {"a": {"agent": "tool://echo", "inputs": {"x": "a\\/b"}}}}')
    assert load_workflow(file, registry=registry).nodes["a"].inputs == {"x": "a/b"}


def test_a_relative_path_is_told_as_it_was_given(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flow.yaml").write_text("nodes: {a: {agent: nix}}")
    with pytest.raises(WorkflowError) as caught:
        load_workflow("flow.yaml", registry=registry)
    assert caught.value.message == "flow.yaml:1:20: node 'a': 'nix' is not an agent's URI"
    assert caught.value.fix == "write for example local://module.function"
    assert caught.value.file == "flow.yaml"
    assert caught.value.exit_code == 2


def test_windows_line_ends_and_a_byte_order_mark_change_no_place(tmp_path: Path, registry: Registry) -> None:
    file = tmp_path / "flow.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: x\r\nnodes:\r\n  a: {agnt: tool://echo}\r\n")
    with pytest.raises(WorkflowError) as caught:
        load_workflow(file, registry=registry)
    assert [(fault.line, fault.column) for fault in caught.value.faults] == [(3, 3), (3, 7)]


def assert_same_text(found: str, wanted: str) -> None:
    lines = difflib.unified_diff(wanted.splitlines(), found.splitlines(), "wanted", "found", lineterm="")
    assert found == wanted, "\n".join(lines)


def test_all_faults_of_a_file_are_told_at_once_in_file_order(registry: Registry) -> None:
    file = BROKEN / "flow.yaml"
    with pytest.raises(WorkflowError) as caught:
        load_workflow(file, registry=registry)
    found = caught.value.message.replace(str(file), "flow.yaml").replace(str(BROKEN.parent), "/home/you")
    assert_same_text(found, (BROKEN / "told.txt").read_text(encoding="utf-8").rstrip("\n"))
    places = [(fault.line or 0, fault.column or 0) for fault in caught.value.faults]
    assert places == sorted(places)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert all(lines[line - 1][column - 1].strip() for line, column in places), "each fault stands at some text"


def test_faults_of_the_yaml_do_not_hide_those_of_the_workflow(faults_of: FaultsOf) -> None:
    found = faults_of("nam: x\nnodes:\n  a: {agent: tool://echo, config: {limit: .inf}, depends_on: [b]}\n")
    assert [(fault.line, fault.message) for fault in found] == [
        (1, "unknown key 'nam'"),
        (3, "'.inf' is not a JSON number"),
        (3, "node 'a' depends on 'b', which is not defined"),
    ]


def test_a_file_that_breaks_off_is_not_blamed_for_what_may_follow(faults_of: FaultsOf) -> None:
    found = faults_of("nodes:\n  a:\n    depends_on: [b]\n    outputs: 3\n  b: {agent: 'tool\n")
    assert [fault.message for fault in found] == [
        "'outputs' in node 'a' must be a list, not the number 3",
        "the quote that opens here is never closed",
    ]


@pytest.mark.parametrize(
    "plan",
    [
        "{outputs: [text], agent: 3}",
        "{outputs: [text], deadline_ms: soon, agent: tool://echo}",
        "{outputs: {text: yes}, agent: tool://echo}",
        "{outputs: [text], cache: 1, agent: tool://echo}",
        "{outputs: [text]}",
        "not a node",
        "",
    ],
)
def test_a_node_that_is_not_usable_does_not_make_the_others_faulty(faults_of: FaultsOf, plan: str) -> None:
    found = faults_of(f"""
nodes:
  plan: {plan}
  write: {{agent: tool://echo, depends_on: [plan], inputs: {{a: "${{plan.text}}", b: "${{plan.text.0}}"}}}}
  third: {{agent: tool://echo, depends_on: [plann], inputs: {{a: "${{write.output}}"}}}}
""")
    assert len(found) == 2
    assert found[0].line == 3
    assert found[1].message == "node 'third' depends on 'plann', which is not defined"


def test_one_bad_input_does_not_make_references_to_inputs_faulty(faults_of: FaultsOf) -> None:
    found = faults_of("""
inputs:
  topic: {type: text}
  limit: {type: integer, default: 3}
  free:
nodes:
  a: {agent: tool://echo, inputs: {t: "${user.topic} ${user.limit} ${user.free}", u: "${user.limt}"}}
""")
    assert [fault.message for fault in found] == [
        "'type' in input 'topic' cannot be 'text'",
        "node 'a': ${user.limt} is not an input of this workflow",
    ]


@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("nodes: {a: {agent: 3}}", "'agent' in node 'a' must be text, not the number 3", 'put it in quotes: "3"'),
        ("nodes: {a: {agent: true}}", "'agent' in node 'a' must be text, not true", 'put it in quotes: "true"'),
        ("nodes: {a: {agent: }}", "'agent' in node 'a' has no value", "write one, or remove the line"),
        (
            "nodes: {a: {agent: tool://echo, deadline_ms: '20'}}",
            "'deadline_ms' in node 'a' must be a whole number, not the text '20'",
            "remove the quotes: deadline_ms: 20",
        ),
        (
            "nodes: {a: {agent: tool://echo, deadline_ms: 1.5}}",
            "'deadline_ms' in node 'a' must be a whole number, not the number 1.5",
            "write milliseconds, as in 'deadline_ms: 20000'",
        ),
        (
            "nodes: {a: {agent: tool://echo, retry_policy: {max_retries: 2000}}}",
            "'retry_policy.max_retries' in node 'a' must be at most 1,000, not 2000",
            "write a number of at most 1,000",
        ),
        (
            "nodes: {a: {agent: tool://echo, foreach: [1, 2]}}",
            "'foreach' in node 'a' must be text, not a list",
            "write it as text, in quotes if it holds any of { } [ ] , : #",
        ),
        (
            "nodes: {a: {agent: tool://echo, isolation: container}}",
            "'isolation' in node 'a' cannot be 'container'",
            "choices: process, thread",
        ),
        (
            "nodes: {a: {agent: tool://echo, outputs: [a, b c]}}",
            "'outputs[1]' in node 'a' is 'b c', which cannot be a name",
            "use 1 to 64 letters, digits, '_', '-' and '.', not starting with '.'",
        ),
        (
            "inputs: {a b: {}}\nnodes: {a: {agent: tool://echo}}",
            "'a b' cannot be a name",
            "use 1 to 64 letters, digits, '_', '-' and '.', not starting with '.'",
        ),
        (
            "inputs: {x: {required: 3}}\nnodes: {a: {agent: tool://echo}}",
            "'required' in input 'x' must be true or false, not the number 3",
            "write true or false",
        ),
        (
            "inputs: {x: {type: integer, default: '3'}}\nnodes: {a: {agent: tool://echo}}",
            "'default' in input 'x' must be a whole number, not \"3\"",
            "change the default or the type",
        ),
        (
            "concurrency: {openai: 0}\nnodes: {a: {agent: tool://echo}}",
            "'concurrency.openai' must be a whole number of at least 1, not 0",
            "write 'concurrency: 8', or '{default: 8, openai: 2}' by provider or scheme",
        ),
        (
            "concurrency: many\nnodes: {a: {agent: tool://echo}}",
            "'concurrency' must be a whole number of at least 1, not the text 'many'",
            "write 'concurrency: 8', or '{default: 8, openai: 2}' by provider or scheme",
        ),
        (
            "nodes: [{id: a, agent: tool://echo}]",
            "'nodes' must be a map of ids to nodes, not a list",
            "write 'plan:' with its keys under it instead of '- id: plan'",
        ),
        (
            "name: x",
            "the workflow has no 'nodes'",
            "write 'nodes:' and under it, indented, 'plan: {agent: local://echo}'",
        ),
        (
            "nodes:",
            "'nodes' is empty",
            "write 'nodes:' and under it, indented, 'plan: {agent: local://echo}'",
        ),
        (
            "nodes: {a: {agent: 'tool://${user.tool}'}}",
            "node 'a': references are not supported in 'agent'",
            "write the agent's URI in full",
        ),
        (
            "nodes: {a: {agent: tool://echo, max_items: 3}}",
            "node 'a': 'max_items' needs 'foreach'",
            "add foreach, or remove it",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_in_our_words(faults_of: FaultsOf, text: str, message: str, fix: str) -> None:
    assert [(fault.message, fault.fix) for fault in faults_of(text)] == [(message, fix)]


def test_agents_are_checked_by_reading_alone(faults_of: FaultsOf) -> None:
    found = faults_of("""
nodes:
  a: {agent: tool://ecko}
  b: {agent: tool://upper, inputs: {txt: 1}}
  c: {agent: tool://upper, depends_on: [a]}
  d: {agent: plain://whatever}
  e: {agent: llm://openai/gpt}
""")
    assert [(fault.line, fault.column, fault.message) for fault in found] == [
        (3, 14, "there is no tool 'ecko'"),
        (4, 37, "'upper' takes no 'txt'"),
        (5, 3, "'upper' takes no 'a'"),
        (7, 14, "there is nothing to ask the model: neither 'inputs' nor 'messages'"),
    ]


def test_who_stands_in_for_a_model_is_a_model(faults_of: FaultsOf) -> None:
    found = faults_of("""
nodes:
  a:
    agent: llm://mock/a
    inputs: {x: 1}
    fallbacks: [llm://mock/b, local://echo, human://input]
    repair: {escalate: a2a://localhost}
""")
    assert [(fault.line, fault.column, fault.message) for fault in found] == [
        (6, 31, "node 'a': local://echo is no model"),
        (6, 45, "node 'a': human://input is no model"),
        (7, 24, "node 'a': a2a://localhost is no model"),
    ]
    assert all(fault.fix == "write llm://provider/model, as in llm://openai/gpt-4o-mini" for fault in found)


def test_what_no_server_can_be_given_is_told_once_at_its_place(faults_of: FaultsOf) -> None:
    found = faults_of("""
inputs: {branch: {default: north}}
mcp_servers:
  shelf: {command: python3, args: ["${user.branch}", "${one.output}"], env: {A: "${user.brunch}"}}
nodes:
  one: {agent: tool://echo, inputs: {x: 1}}
  two: {agent: llm://mock/a, inputs: {x: 1}, tools: mcp://shelf}
  three: {agent: llm://mock/a, inputs: {x: 1}, tools: mcp://shelf}
""")
    assert [(fault.line, fault.column, fault.message) for fault in found] == [
        (4, 54, "mcp_servers.shelf: '${one.output}' is what a node makes, which no server can be given"),
        (4, 81, "mcp_servers.shelf: ${user.brunch} is not an input of this workflow"),
    ]
    assert [fault.fix for fault in found] == [
        "use ${user.*}, ${env.*} or ${secret.*}: a server is there before any node has run",
        "did you mean 'branch'? inputs: branch",
    ]


def test_a_node_without_inputs_gets_the_outputs_of_its_dependencies(registry: Registry) -> None:
    spec = parse_workflow(
        """
nodes:
  one: {agent: tool://echo}
  two: {agent: tool://echo, outputs: [x, y]}
  many: {agent: tool://echo, foreach: one, depends_on: [two]}
  own: {agent: tool://echo, inputs: {z: "${one}"}, depends_on: [two]}
""",
        registry=registry,
    )
    dag = DAG.from_workflow(spec)
    assert dag.input_names("many") == ("item", "two.x", "two.y")
    assert dag.input_names("own") == ("z",)
    uses = node_uses(spec, dag)
    assert uses["own"].inputs == ("z",)
    assert uses["own"].folder is None
    assert uses["two"].outputs == ("x", "y")


def test_what_is_found_after_loading_gets_its_place_too(flow: Path, registry: Registry) -> None:
    spec = load_workflow(flow, registry=registry)
    assert spec.source is not None
    error = locate_faults(spec.source, [FieldFault(("nodes", "write", "agent"), "cannot be imported", "install it")])
    assert error.message == f"{flow}:11:12: cannot be imported"
    assert error.fix == "install it"


class TestPrompts:
    def load(self, folder: Path, registry: Registry, prompt: str, **options: object) -> str:
        file = folder / "flow.yaml"
        file.write_text(f"nodes:\n  a: {{agent: tool://echo, system_prompt: '{prompt}'}}\n", encoding="utf-8")
        spec = load_workflow(file, registry=registry, **options)  # type: ignore[arg-type]
        return spec.system_prompt_of("a") or ""

    def test_a_reference_in_a_prompt_file_is_checked(self, tmp_path: Path, registry: Registry) -> None:
        (tmp_path / "p.md").write_text("Hello ${nobody.output}")
        with pytest.raises(WorkflowError, match=r"\$\{nobody\.output\} names no node of this workflow \(in p\.md\)"):
            self.load(tmp_path, registry, "file://p.md")

    @pytest.mark.parametrize("name", ["../outside.md", "sub/../../outside.md", "link.md", "linked/outside.md"])
    def test_a_prompt_outside_the_folder_is_refused_unless_allowed(
        self, tmp_path: Path, registry: Registry, name: str
    ) -> None:
        (tmp_path / "outside.md").write_text("secret")
        folder = tmp_path / "flows"
        (folder / "sub").mkdir(parents=True)
        (folder / "link.md").symlink_to(tmp_path / "outside.md")
        (folder / "linked").symlink_to(tmp_path)
        with pytest.raises(WorkflowError) as caught:
            self.load(folder, registry, f"file://{name}")
        assert "is outside the workflow's folder" in caught.value.message
        assert caught.value.fix == f"move it into the folder, or allow it with --allow-path {tmp_path}"
        assert self.load(folder, registry, f"file://{name}", allow_paths=[tmp_path]) == "secret"

    def test_an_absolute_path_is_outside_too(self, tmp_path: Path, registry: Registry) -> None:
        with pytest.raises(WorkflowError, match="is outside the workflow's folder"):
            self.load(tmp_path, registry, "file:///etc/passwd")

    def test_a_link_inside_the_folder_is_followed(self, tmp_path: Path, registry: Registry) -> None:
        (tmp_path / "p.md").write_text("hi")
        (tmp_path / "q.md").symlink_to("p.md")
        assert self.load(tmp_path, registry, "file://q.md") == "hi"

    def test_a_prompt_that_cannot_be_read_is_a_fault(self, tmp_path: Path, registry: Registry) -> None:
        os.mkfifo(tmp_path / "pipe.md")
        (tmp_path / "folder.md").mkdir()
        (tmp_path / "latin.md").write_bytes(b"caf\xe9")
        (tmp_path / "big.md").write_bytes(b"x" * 200)
        (tmp_path / "loop.md").symlink_to("loop.md")
        for name, message in {
            "pipe.md": "is a pipe, not a file",
            "folder.md": "is a folder, not a file",
            "latin.md": "is not UTF-8: byte 0xE9 at offset 3",
            "big.md": r"is larger than 150 bytes \(limits.file_bytes\)",
            "gone.md": "does not exist",
            "${user.x}.md": "cannot hold references",
            "": "is a folder, not a file",
            "loop.md": "is not the name of a file|is a symbolic link",
        }.items():
            with pytest.raises(WorkflowError, match=message):
                self.load(tmp_path, registry, f"file://{name}", limits=Limits(file_bytes=150))

    def test_a_prompt_that_several_nodes_share_is_read_once_and_blamed_for_each(
        self, faults_of: FaultsOf, tmp_path: Path
    ) -> None:
        node = "{agent: tool://echo, system_prompt: 'file://p.md'}"
        found = faults_of(f"nodes:\n  a: {node}\n  b: {node}\n")
        assert [fault.line for fault in found] == [2, 3]


class TestLiteralKeys:
    def test_a_key_in_the_file_or_a_prompt_is_a_warning_with_its_place(self, flow: Path, registry: Registry) -> None:
        flow.write_text(FLOW.replace("topic:", f"key: {{default: {KEY}}}\n  topic:", 1), encoding="utf-8")
        (flow.parent / "prompts" / "plan.md").write_text(f"Use\n  Bearer {KEY}", encoding="utf-8")
        spec = load_workflow(flow, registry=registry)
        assert spec.source is not None
        found = find_literal_keys(spec.source)
        assert [(fault.line, fault.column, fault.message) for fault in found] == [
            (3, 18, "this looks like an API key"),
            (None, None, "the prompt file://prompts/plan.md holds what looks like an API key, at 2:10"),
        ]
        assert not any(KEY in f"{fault.message}{fault.fix}" for fault in found)

    def test_a_workflow_without_keys_warns_of_nothing(self, flow: Path, registry: Registry) -> None:
        spec = load_workflow(flow, registry=registry)
        assert spec.source is not None
        assert find_literal_keys(spec.source) == []
        assert redact_source(spec.source, Redactor(["elsewhere"])) == spec.source

    def test_no_message_repeats_a_key(self, faults_of: FaultsOf, told: Told) -> None:
        text = f"nodes: {{a: {{agent: tool://echo, isolation: {KEY}, depends_on: ['{KEY}']}}}}"
        assert len(faults_of(text)) == 2
        assert KEY not in told(text)

    @pytest.mark.parametrize(
        "config",
        [
            "{key: @}",
            "{key: @, more: [@, @]}",
            "\n      key: @\n      list:\n        - @\n        - x @",
            '{header: "Bearer @"}',
            "{@: 1}",
            "\n      pem: |\n        -----BEGIN PRIVATE KEY-----\n        abcd\n        -----END PRIVATE KEY-----",
            "{n: 123456, secret: '123456'}",
        ],
    )
    def test_a_snapshot_without_its_keys_is_still_the_same_workflow(self, registry: Registry, config: str) -> None:
        text = f"nodes:\n  a:\n    agent: tool://echo  # @\n    config: {config}\n  b: {{agent: tool://echo}}\n"
        spec = parse_workflow(text.replace("@", KEY), registry=registry)
        assert spec.source is not None
        redactor = Redactor(["123456"])
        kept = redact_source(spec.source, redactor)
        assert KEY not in kept.text
        assert "abcd" not in kept.text
        again = load_source(kept)
        assert again.nodes["a"].config == redactor.redact_json(spec.nodes["a"].config, shapes=True)
        assert again.nodes["b"] == spec.nodes["b"]


def test_a_text_whose_name_says_that_it_is_secret_is_found_whatever_it_looks_like(registry: Registry) -> None:
    text = """
mcp_servers:
  web: {url: "http://localhost:1/mcp", headers: {X-Api-Token: "open sesame 1", Accept: "text/plain"}}
nodes:
  a:
    agent: tool://echo
    inputs: {key: "not a setting"}
    config: {api_key: hunter2hunter2, max_tokens: 5, auth: {type: bearer, token: "${env.T}"}}
"""
    spec = parse_workflow(text, registry=registry)
    assert spec.source is not None
    found = [(fault.line, fault.message) for fault in find_literal_keys(spec.source)]
    assert found == [
        (3, "this is a secret, as 'X-Api-Token' says"),
        (8, "this is a secret, as 'api_key' says"),
    ]
    assert literal_secrets(spec.source) == ["hunter2hunter2", "open sesame 1"]
    kept = redact_source(spec.source, Redactor(literal_secrets(spec.source)))
    assert "hunter2" not in kept.text and "sesame" not in kept.text
    assert load_source(kept).nodes["a"].inputs == {"key": "not a setting"}


def test_errors_survive_pickling(told: Told, faults_of: FaultsOf, registry: Registry) -> None:

    with pytest.raises(WorkflowError) as caught:
        parse_workflow("nodes: {a: {agent: 3}}", registry=registry)
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, WorkflowError)
    assert (again.message, again.fix, again.faults) == (caught.value.message, caught.value.fix, caught.value.faults)


def test_control_characters_of_a_file_reach_no_terminal(told: Told) -> None:
    text = told('nodes: {"a\\x1b[31m": {"x\\u202ey\\n": 1, agent: "\\x9bxx"}}')
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "\\x1b[31m" in text


@pytest.mark.parametrize("size", [1000, 5000])
def test_a_long_chain_loads_in_time_that_grows_with_its_length(registry: Registry, size: int, tmp_path: Path) -> None:
    lines = ["nodes:", "  n0: {agent: tool://echo, outputs: [value]}"]
    for i in range(1, size):
        lines += [
            f"  n{i}:",
            "    agent: tool://echo",
            "    outputs: [value]",
            f"    inputs: {{x: '${{n{i - 1}.value}}'}}",
            f"    depends_on: [n{i - 1}]",
        ]
    file = tmp_path / "chain.yaml"
    file.write_text("\n".join(lines))
    start = time.process_time()
    assert len(load_workflow(file, registry=registry).nodes) == size
    assert time.process_time() - start < size / 1000 * 0.8, "measured 0.1 s for 1,000 nodes"
