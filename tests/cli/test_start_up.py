"""What starting costs, and that every command can be found."""

import subprocess
import sys

import pytest

from binex import __version__
from binex.cli.group import cli
from binex.cli.table import COMMANDS
from tests.cli.conftest import Shell

HEAVY = {"pydantic", "rich", "asyncio", "yaml", "sqlite3", "fastapi", "httpx", "click", "typing", "inspect"}


OF_AGENTS = {
    "a2a", "aiohttp", "anthropic", "genai_prices", "google.genai", "httpx", "httpx2", "jsonschema_rs", "mcp", "ollama",
    "openai", "pydantic_ai", "requests", "urllib3",
}  # fmt: skip
"""What only models, remote agents and tools need."""


def modules_after(code: str) -> set[str]:
    """What is loaded once *code* has run."""
    listing = "import sys; print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{listing}"], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    assert not modules_after("import binex.cli.main") & HEAVY


def test_help_loads_no_command_and_none_of_what_commands_need() -> None:
    loaded = modules_after("from binex.cli.main import main; main(['--help'])")
    assert not loaded & {"pydantic", "rich", "asyncio", "yaml", "sqlite3", "binex.models.run", "binex.errors"}
    assert not {f"binex.cli.{module}" for _, module, _ in COMMANDS.values()} & loaded


def test_the_version_needs_not_even_the_command_line_library() -> None:
    assert not modules_after("from binex.cli.main import main; main(['--version'])") & HEAVY


@pytest.mark.parametrize("code", ["import binex", "import binex.runtime.session"])
def test_importing_the_package_loads_nothing_of_agents(code: str) -> None:
    assert not modules_after(code) & OF_AGENTS


def test_a_run_that_asks_no_model_loads_nothing_of_models_or_remote_agents(shell: Shell) -> None:
    shell.write("flow.yaml", "nodes: {a: {agent: 'local://echo', inputs: {x: 1}}, b: {agent: 'human://input'}}")
    loaded = modules_after(
        "from binex.cli.main import main; assert main(['run', '-q', 'flow.yaml', '--no-wait']) == 75"
    )
    assert not loaded & OF_AGENTS
    assert not {name for name in loaded if name.startswith(("binex.adapters.llm", "binex.adapters.a2a"))}


def test_what_goes_into_a_pipe_loads_no_rich(shell: Shell) -> None:
    for command in ("['run', 'good.yaml']", "['runs']", "['trace']", "['debug']"):
        assert "rich" not in modules_after(f"from binex.cli.main import main; main({command})"), command


def test_reading_loads_nothing_of_what_executing_needs(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    for command in ("['runs']", "['trace']", "['debug']", "['artifacts', 'list']"):
        loaded = modules_after(f"from binex.cli.main import main; main({command})")
        assert not loaded & {"yaml", "binex.loader", "binex.graph", "binex.adapters", "binex.runtime"}, command


def test_the_version_is_printed(shell: Shell) -> None:
    for arguments in (["--version"], ["--version", "runs"]):
        assert shell(*arguments).out == f"binex {__version__}\n"


def test_help_lists_every_command_in_its_section(shell: Shell) -> None:
    said = shell("--help")
    assert said.code == 0
    for name, (section, _, text) in COMMANDS.items():
        assert f"\n  {name} " in said.out
        assert text in said.out
        assert f"{section}:" in said.out


def test_no_command_at_all_shows_the_help(shell: Shell) -> None:
    said = shell()
    assert said.code == 0
    assert "Usage: binex" in said.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_is_called_as_in_the_table(shell: Shell, name: str) -> None:
    said = shell(name, "--help")
    assert said.code == 0
    assert f"Usage: binex {name}" in said.out
    assert shell(name, "-h").out == said.out
    command = cli.get_command(cli.make_context("binex", [name], resilient_parsing=True), name)
    assert command is not None
    assert command.name == name


GROUPS = ("artifacts", "calls")
"""Commands of commands."""


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in GROUPS])
def test_every_command_takes_a_folder(shell: Shell, name: str) -> None:
    assert "--dir" in shell(name, "--help").out


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in (*GROUPS, "schema", "explore", "ui")])
def test_every_command_that_shows_something_speaks_json(shell: Shell, name: str) -> None:
    assert "--json" in shell(name, "--help").out
