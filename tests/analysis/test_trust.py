"""What has to be trusted before a run that came from elsewhere is executed."""

from pathlib import Path

from binex.analysis.trust import ProgramKind, programs_of, trust_of
from binex.loader import bind_source, load_workflow
from binex.runtime.session import open_session

WORKFLOW = """\
name: mixed
mcp_servers:
  files: {command: sh, args: [-c, "echo hello"]}
  far: {url: "https://tools.example.org/mcp"}
nodes:
  first: {agent: "local://echo", inputs: {text: go}}
  second: {agent: "local://steps.give", inputs: {text: "${first.output}"}}
  third: {agent: "local://steps.give", inputs: {text: "${second.output}"}}
  asks:
    agent: llm://openai/gpt-4o-mini
    system_prompt: Say something.
    inputs: {text: "${third.output}"}
    tools: ["python://counting.count", "mcp://files"]
"""
PLAIN = 'name: plain\nnodes:\n  only: {agent: "local://echo", inputs: {text: go}}\n'


def test_functions_tools_and_programs_are_named_with_their_arguments(tmp_path: Path) -> None:
    (tmp_path / "mixed.yaml").write_text(WORKFLOW, encoding="utf-8")
    (tmp_path / "steps.py").write_text("def give(text): return text\n", encoding="utf-8")
    (tmp_path / "counting.py").write_text('def count(text: str) -> int:\n    """Words."""\n', encoding="utf-8")
    found = [
        (one.kind, one.name, one.arguments, one.nodes) for one in programs_of(load_workflow(tmp_path / "mixed.yaml"))
    ]
    assert found == [
        (ProgramKind.FUNCTION, "local://steps.give", (), ("second", "third")),
        (ProgramKind.TOOL, "python://counting.count", (), ("asks",)),
        (ProgramKind.COMMAND, "sh", ("-c", "echo hello"), ()),
    ]


async def test_a_run_of_ones_own_and_one_without_programs_need_no_trust(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(PLAIN, encoding="utf-8")
    async with open_session(tmp_path / ".binex") as session:
        run = (await session.run(tmp_path / "plain.yaml")).run
        own = await trust_of(session.store, run, bind_source)
        imported = await trust_of(session.store, run.model_copy(update={"is_imported": True}), bind_source)
        lost = run.model_copy(update={"is_imported": True, "workflow_hash": "0" * 64})
        assert (own.is_needed, own.is_executable, own.folder) == (False, True, str(tmp_path))
        assert not imported.is_needed
        assert (await trust_of(session.store, lost, bind_source)).is_needed


async def test_what_would_be_executed_is_named_also_where_it_is_not_there(tmp_path: Path) -> None:
    text = 'name: mine\nnodes:\n  only: {agent: "local://mine_alone.give", inputs: {text: go}}\n'
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    code = tmp_path / "mine_alone.py"
    code.write_text("def give(text): return text\n", encoding="utf-8")
    async with open_session(tmp_path / ".binex") as session:
        run = (await session.run(tmp_path / "mine.yaml")).run
        code.unlink()
        asked = await trust_of(session.store, run.model_copy(update={"is_imported": True}), bind_source)
        assert asked.is_needed
        assert [program.name for program in asked.programs] == ["local://mine_alone.give"]


async def test_the_trace_of_another_program_is_never_executed(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text(PLAIN, encoding="utf-8")
    async with open_session(tmp_path / ".binex") as session:
        run = (await session.run(tmp_path / "plain.yaml")).run
        versions = run.versions.model_copy(update={"python": ""})
        trace = run.model_copy(update={"is_imported": True, "versions": versions})
        assert not (await trust_of(session.store, trace, bind_source)).is_executable
