"""``binex agents`` and ``binex doctor FILE``."""

import socket

import pytest

from tests.cli.conftest import Shell

MODELS = """
name: research
nodes:
  plan:
    agent: llm://openai/gpt-4o-mini
    inputs: {topic: tides}
    fallbacks: [llm://gemini/gemini-2.5-flash, llm://mock/m]
  own: {agent: llm://openai-compatible/qwen, inputs: {v: 1}, config: {api_base: "http://127.0.0.1:9/v1"}}
"""
MIXED = """
name: mixed
nodes:
  a: {agent: local://steps.give, inputs: {value: 1}}
  b: {agent: llm://mock/m, inputs: {value: "${a.output}"}}
  c: {agent: human://approve, inputs: {value: "${b.output}"}}
"""
_KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_COMPATIBLE_API_KEY")


@pytest.fixture
def keyless(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in _KEYS:
        monkeypatch.delenv(name, raising=False)
    shell.write("models.yaml", MODELS)
    shell.write("mixed.yaml", MIXED)
    return shell


@pytest.fixture
def nobody() -> str:
    """An address at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"127.0.0.1:{port}"


def test_models_are_shown_with_their_price_and_where_their_key_is_expected(
    keyless: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-never-to-be-seen-anywhere")
    said = keyless("agents", "models.yaml")
    assert said.code == 0
    assert said.out == (
        "llm://openai/gpt-4o-mini\n"
        "  used by  plan\n"
        "  price    $0.15 / $0.60 per million tokens in/out\n"
        "  key      OPENAI_API_KEY: set\n"
        "\n"
        "llm://gemini/gemini-2.5-flash\n"
        "  used by  plan (fallback)\n"
        "  price    $0.30 / $2.50 per million tokens in/out\n"
        "  key      GEMINI_API_KEY or GOOGLE_API_KEY: not set\n"
        "\n"
        "llm://mock/m\n"
        "  used by  plan (fallback)\n"
        "  price    free\n"
        "\n"
        "llm://openai-compatible/qwen\n"
        "  used by  own\n"
        "  at       http://127.0.0.1:9/v1\n"
        "  price    unknown\n"
        "  key      OPENAI_COMPATIBLE_API_KEY: not set\n"
        "\n"
        "✗ research: 2 of 4 agents cannot be used\n"
    )
    assert "never-to-be-seen" not in said.out + said.err + keyless("agents", "models.yaml", "--json").out


def test_prices_of_the_project_are_shown(keyless: Shell) -> None:
    keyless.write("binex.toml", '[prices]\n"openai-compatible/*" = {input = 1.5, output = 2}\n')
    (keyless.folder / ".binex").mkdir()
    assert "$1.50 / $2.00 per million tokens in/out" in keyless("agents", "models.yaml").out


def test_all_of_it_is_there_as_json(keyless: Shell) -> None:
    found = keyless("agents", "mixed.yaml", "--json").json()
    assert [entry["agent"] for entry in found["agents"]] == ["local://steps.give", "llm://mock/m", "human://approve"]
    assert found["agents"][0]["uses"] == [{"node": "a", "role": "agent"}]
    assert found["agents"][0]["health"] is None


def test_agents_are_asked_only_when_that_is_wanted(keyless: Shell, nobody: str) -> None:
    keyless.write("remote.yaml", f'nodes: {{a: {{agent: "a2a://{nobody}", inputs: {{v: 1}}}}}}')
    said = keyless("agents", "remote.yaml")
    assert (said.code, "health" in said.out) == (0, False)
    said = keyless("agents", "remote.yaml", "--check")
    assert said.code == 1
    assert "  health   unreachable" in said.out
    assert said.out.endswith("1 of 1 agent cannot be used\n")


def test_a_server_of_tools_is_asked_too(keyless: Shell) -> None:
    keyless.write(
        "tools.yaml",
        """
        mcp_servers: {files: {command: /nowhere/files-server, env: {TOKEN: "${secret.FILES_TOKEN}"}}}
        nodes: {a: {agent: llm://mock/m, inputs: {v: 1}, tools: [mcp://files]}}
        """,
    )
    said = keyless("doctor", "tools.yaml")
    assert said.code == 1
    assert "mcp://files\n  used by  a (tool)\n  at       /nowhere/files-server\n" in said.out
    assert "  key      FILES_TOKEN: not set\n" in said.out
    assert "  health   unreachable: the MCP server 'files' cannot be started" in said.out


def test_a_server_whose_address_is_none_is_unreachable(keyless: Shell) -> None:
    keyless.write(
        "bad.yaml",
        "mcp_servers: {s: {url: 'http://['}}\nnodes: {a: {agent: llm://mock/m, inputs: {v: 1}, tools: 'mcp://s'}}",
    )
    said = keyless("agents", "bad.yaml", "--check", "--json")
    assert said.code == 1
    assert {entry["agent"]: entry["health"]["status"] for entry in said.json()["agents"]}["mcp://s"] == "unreachable"


def test_the_doctor_says_that_all_is_well(keyless: Shell) -> None:
    said = keyless("doctor", "mixed.yaml")
    assert said.code == 0
    assert said.out.endswith("✓ mixed: 3 agents\n")
    assert said.out.count("  health   ok") == 3
    assert keyless("doctor", "mixed.yaml", "--json").json()["workflow"] == "mixed"
    assert not (keyless.folder / ".binex").exists()


def test_a_file_that_cannot_be_used_is_told_with_all_its_faults(keyless: Shell) -> None:
    keyless.write("wrong.yaml", "nodes:\n  a: {agent: llm://nobody/x}\n  b: {agent: local://nothing.there}\n")
    for command in ("agents", "doctor"):
        said = keyless(command, "wrong.yaml")
        assert said.code == 2
        assert "wrong.yaml:2:" in said.err
        assert "wrong.yaml:3:" in said.err
    assert keyless("doctor", "not-there.yaml").code == 2


def test_a_workflow_is_not_repaired(keyless: Shell) -> None:
    said = keyless("doctor", "mixed.yaml", "--repair")
    assert said.code == 2
    assert "--repair and --salvage are for the store" in said.err
