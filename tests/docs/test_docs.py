"""The documentation says what is so: its tables, workflows, programs, commands and links are checked."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import get_args

import click
import pytest
from pydantic.fields import FieldInfo

from binex.cli.group import cli
from binex.cli.main import main
from binex.cli.table import COMMANDS
from binex.errors import WorkflowError
from binex.loader import parse_workflow
from binex.loader.wording import PLANNED_OF_NODE, PLANNED_OF_WORKFLOW
from binex.models.agent_settings import McpServer
from binex.models.base import Model
from binex.models.budget import Budget
from binex.models.event import Event
from binex.models.limits import Limits
from binex.models.run import RunStatus, RunSummary
from binex.models.workflow import Defaults, InputSpec, NodeSpec, RetryPolicy, WorkflowSpec
from binex.runtime.session import open_session

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
WORKFLOW_FILE = (ROOT / "docs" / "workflow-file.md").read_text("utf-8")
COMMANDS_PAGE = (ROOT / "docs" / "commands.md").read_text("utf-8")

_FENCE = re.compile(
    r"(?:^<!--\s*(?P<mark>[^\n]*?)\s*-->\n)?^```(?P<language>\w*)(?P<options>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S
)
_TITLE = re.compile(r'title="([^"]+)"')
_LINK = re.compile(r"(?<!!)\[[^\]\[]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block: its place, what the comment above it says, and the file that it stands for, if any."""

    page: Path
    line: int
    mark: str
    language: str
    title: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.page.name}:{self.line}"


def _blocks_in(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for match in _FENCE.finditer(text):
        title = _TITLE.search(match["options"])
        line = text.count("\n", 0, match.start("language")) + 1
        yield Block(page, line, match["mark"] or "", match["language"], title[1] if title else "", match["text"])


BLOCKS = [block for page in PAGES for block in _blocks_in(page)]
WORKFLOWS = [block for block in BLOCKS if block.language == "yaml" and re.search(r"^nodes:", block.text, re.M)]
REFUSED = [block for block in WORKFLOWS if block.mark.startswith("refused")]
RUN_ELSEWHERE = [block for block in WORKFLOWS if block.mark == "run by the example below"]
USABLE = [block for block in WORKFLOWS if block not in REFUSED and block not in RUN_ELSEWHERE]
PROGRAMS = [block for block in BLOCKS if block.language == "python"]
CONSOLES = [block for block in BLOCKS if block.language == "console"]
TYPED_ALONG = ["quickstart", "finding-out-why", "time-travel", "bisect"]
"""Pages that are typed from their first line to their last: their workflows fail and change on purpose."""


def _id(block: Block) -> str:
    return block.name


def _write_files(page: Path, folder: Path) -> None:
    """Write what the page calls a file; of several with one name, the first."""
    for block in BLOCKS:
        if block.page == page and block.title:
            _write(block, folder)


def _write(block: Block, folder: Path, *, replace: bool = False) -> None:
    file = folder / block.title
    file.parent.mkdir(parents=True, exist_ok=True)
    if replace or not file.exists():
        file.write_text(block.text, "utf-8")


# --- the workflow file --------------------------------------------------------------------------------------


def _section(page: str, heading: str, level: int) -> str:
    """The text under a heading, up to the next one of its level or above."""
    fenced = [match.span() for match in _FENCE.finditer(page)]
    headings = [
        match
        for match in re.finditer(rf"^#{{1,{level}}} +(.+?) *$", page, re.M)
        if not any(start <= match.start() < end for start, end in fenced)
    ]
    for match, following in zip(headings, [*headings[1:], None], strict=True):
        if match.group() == f"{'#' * level} {heading}":
            return page[match.end() : following.start() if following else len(page)]
    raise AssertionError(f"there is no heading '{'#' * level} {heading}'")


def _row(section: str, field: str) -> str:
    match = re.search(rf"^\| `{re.escape(field)}` \|(.*)$", section, re.M)
    assert match is not None, f"there is no row for '{field}'"
    return match[1]


def _expected_words(field: FieldInfo) -> list[str]:
    """What a description of the field must show: its default, and the words that it may be."""
    words: list[str] = []
    if isinstance(field.default, bool | int | StrEnum):
        words.append(str(field.default))
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            words += [str(word) for word in kind]
    return words


TABLES: list[tuple[str, type[Model]]] = [
    ("Top level", WorkflowSpec),
    ("Inputs of the workflow", InputSpec),
    ("Defaults", Defaults),
    ("Retry policy", RetryPolicy),
    ("Budgets", Budget),
    ("MCP servers", McpServer),
]


@pytest.mark.parametrize(
    ("heading", "model", "field"),
    [(heading, model, field) for heading, model in TABLES for field in model.model_fields],
)
def test_every_field_of_the_workflow_has_a_row_with_its_default(heading: str, model: type[Model], field: str) -> None:
    row = _row(_section(WORKFLOW_FILE, heading, 2), field)
    for word in _expected_words(model.model_fields[field]):
        assert f"`{word}`" in row


@pytest.mark.parametrize("field", NodeSpec.model_fields)
def test_every_field_of_a_node_has_a_section_with_its_type_default_and_an_example(field: str) -> None:
    section = _section(_section(WORKFLOW_FILE, "Nodes", 2), field, 3)
    assert "**Type:**" in section
    assert ("**Required.**" if NodeSpec.model_fields[field].is_required() else "**Default:**") in section
    for word in _expected_words(NodeSpec.model_fields[field]):
        assert f"`{word}`" in section
    assert re.search(rf"^ +{field}:", section, re.M), f"no example uses '{field}'"
    assert f"[`{field}`](#{field})" in _section(WORKFLOW_FILE, "Nodes", 2)


@pytest.mark.parametrize(("where", "fields"), [("top level", PLANNED_OF_WORKFLOW), ("node", PLANNED_OF_NODE)])
def test_the_fields_that_are_not_supported_yet_are_listed_and_no_others(where: str, fields: frozenset[str]) -> None:
    model = WorkflowSpec if where == "top level" else NodeSpec
    row = re.search(rf"^\| {where} \|(.*)$", _section(WORKFLOW_FILE, "Not supported yet", 2), re.M)
    assert row is not None
    assert set(re.findall(r"`(\w+)`", row[1])) == fields - model.model_fields.keys()


@pytest.mark.parametrize("limit", Limits.model_fields)
def test_every_limit_has_a_row_with_its_default(limit: str) -> None:
    default = Limits.model_fields[limit].default
    shown = f"{default // 1024**2} MiB" if default % 1024**2 == 0 else f"{default:,}"
    assert f"| {shown} |" in f"|{_row(_section(WORKFLOW_FILE, 'Limits', 2), f'limits.{limit}')}"


# --- workflows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", USABLE, ids=_id)
def test_every_workflow_in_the_pages_loads(block: Block, tmp_path: Path) -> None:
    _write_files(block.page, tmp_path)
    parse_workflow(block.text, file=block.name, folder=_folder_of(block, tmp_path))


@pytest.mark.parametrize("block", REFUSED, ids=_id)
def test_every_workflow_that_is_called_refused_is_refused_for_that_reason(block: Block, tmp_path: Path) -> None:
    _write_files(block.page, tmp_path)
    with pytest.raises(WorkflowError) as caught:
        parse_workflow(block.text, file=block.name, folder=_folder_of(block, tmp_path))
    reason = block.mark.removeprefix("refused").removeprefix(":").strip()
    assert reason in " ".join([caught.value.message, *(fault.message for fault in caught.value.faults)])


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.mark.startswith("complaints about ")], ids=_id)
def test_every_complaint_in_the_pages_is_what_is_said(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _write_files(block.page, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["validate", block.mark.removeprefix("complaints about ")]) == 2
    assert capsys.readouterr().err == block.text


def _folder_of(block: Block, files: Path) -> Path:
    """Where the functions of a workflow are: an excerpt of the demo has the demo's."""
    return ROOT / "examples" / "digest" if "local://digest." in block.text else files


@pytest.mark.parametrize(
    "block",
    [block for block in USABLE if block.page.parent == ROOT / "docs" and block.page.stem not in TYPED_ALONG],
    ids=_id,
)
@pytest.mark.usefixtures("activated")
def test_every_workflow_in_the_reference_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_files(block.page, tmp_path)
    file = tmp_path / (block.title or "flow.yaml")
    file.write_text(block.text, "utf-8")
    for name in re.findall(r"\$\{(?:env|secret)\.(\w+)\}", block.text):
        monkeypatch.setenv(name, "a-value-for-a-test")
    given = dict(re.findall(r"(\w+)=(\S+)", block.mark)) if block.mark.startswith("vars:") else {}
    if "  topic" in block.text and re.search(r"^inputs:", block.text, re.M):
        given["topic"] = "tides"

    async def run() -> RunSummary:
        async with open_session(tmp_path / ".binex", durability="normal") as session:
            return await session.run(file, vars=given)

    summary = asyncio.run(run())
    assert summary.failures == ()
    assert summary.status is RunStatus.COMPLETED


def test_every_workflow_that_a_program_runs_is_a_file_of_its_page() -> None:
    for block in RUN_ELSEWHERE:
        below = next(other for other in PROGRAMS if other.page == block.page and other.line > block.line)
        assert below.mark == "runnable"
        assert f'"{block.title}"' in below.text


# --- programs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", PROGRAMS, ids=_id)
def test_every_program_in_the_pages_compiles(block: Block) -> None:
    compile(block.text, block.name, "exec")


@pytest.mark.parametrize("block", [block for block in PROGRAMS if block.mark == "runnable"], ids=_id)
def test_every_program_that_is_called_runnable_runs(block: Block, tmp_path: Path) -> None:
    _write_files(block.page, tmp_path)
    _write(block, tmp_path, replace=True)
    ended = _execute([sys.executable, "-W", "error", block.title], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()


def test_every_event_has_a_row() -> None:
    section = _section((ROOT / "docs" / "python-api.md").read_text("utf-8"), "Listeners", 2)
    for event in get_args(Event):
        _row(section, event.__name__)


def test_every_field_of_a_summary_has_a_row() -> None:
    section = _section((ROOT / "docs" / "python-api.md").read_text("utf-8"), "Results", 2)
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", section, re.M))))
    assert named >= RunSummary.model_fields.keys()


# --- commands -----------------------------------------------------------------------------------------------


def _commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, (*words, name))
        else:
            yield (*words, name), command


ALL_COMMANDS = {" ".join(words): command for words, command in _commands(cli)}


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_every_command_has_a_section_that_names_its_options_and_no_others(name: str) -> None:
    section = _section(COMMANDS_PAGE, name, 2)
    options = {
        option
        for parameter in ALL_COMMANDS[name].params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
    }
    rows = "".join(re.findall(r"^\| (`.*`) \| ", section, re.M))
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rows)) == options
    assert f"[`{name}`](#{name.replace(' ', '-')})" in COMMANDS_PAGE


def test_every_section_about_a_command_is_about_one_that_there_is() -> None:
    headings = set(re.findall(r"^## ([a-z ]+)$", COMMANDS_PAGE, re.M))
    assert headings == set(ALL_COMMANDS)
    assert {name.split()[0] for name in ALL_COMMANDS} == set(COMMANDS)


def test_every_exit_code_that_the_program_knows_is_in_the_table() -> None:
    known = set(re.findall(r"^(\d+) {2,}\w", sys.modules["binex.cli.main"].__doc__ or "", re.M))
    shown = set(re.findall(r"\d+", " ".join(re.findall(r"^\| ([\d, ]+) \|", COMMANDS_PAGE, re.M))))
    assert known == shown


def _command_lines(block: Block) -> Iterator[list[str]]:
    for line in block.text.splitlines():
        if line.startswith("$ binex"):
            words = shlex.split(line.removeprefix("$ "), comments=True)
            yield words[1 : words.index(">")] if ">" in words else words[1:]


@pytest.mark.parametrize("block", CONSOLES, ids=_id)
def test_every_command_in_the_pages_can_be_parsed(block: Block) -> None:
    lines = list(_command_lines(block))
    assert lines
    for words in lines:
        _parse(cli, words)


def _parse(command: click.Command, words: Sequence[str]) -> None:
    """Parse a command line without doing what it says."""
    # The parent's settings hold here too; click keeps a command's help option as it first made it.
    context = command.make_context("binex", list(words), parent=click.Context(cli, **cli.context_settings))
    with context:
        if isinstance(command, click.Group):
            name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert name is not None
            assert found is not None
            _parse(found, rest)


# --- the quickstart, from its first line to its last --------------------------------------------------------

_RUN_ID = re.compile(r"\b1[0-9a-z]{10,12}\b")
_DURATION = re.compile(r"\d+(\.\d+)? (ms|s)\b")


@pytest.mark.parametrize("page", TYPED_ALONG)
def test_a_page_to_type_along_does_what_it_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".binex").mkdir(0o700)  # else one above the temporary folder might be found
    monkeypatch.delenv("BINEX_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    for block in (block for block in BLOCKS if block.page.stem == page):
        if block.title:
            _write(block, tmp_path, replace=True)
        elif block.language == "console":
            command, *shown = block.text.splitlines()
            code = main(shlex.split(command.removeprefix("$ binex ")))
            printed = "".join(capsys.readouterr())
            assert code == (int(block.mark.removeprefix("exit:")) if block.mark else 0), f"{block.name}: {printed}"
            lines = {_alike(line) for line in printed.splitlines()}
            assert [line for line in shown if _alike(line) not in lines] == [], f"{block.name}: {printed}"


def _alike(line: str) -> str:
    """The line without what differs from run to run."""
    return " ".join(_DURATION.sub("T", _RUN_ID.sub("ID", line)).split())


def _execute(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BINEX_")}
    environment = {**kept, "BINEX_DIR": str(folder / ".binex"), "PYTHONUTF8": "1"}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


# --- links --------------------------------------------------------------------------------------------------


def _links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = _FENCE.sub("", page.read_text("utf-8"))
        for target in _LINK.findall(text):
            if "://" not in target:
                yield page, target


def _anchors_of(page: Path) -> set[str]:
    text = _FENCE.sub("", page.read_text("utf-8"))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in _HEADING.findall(text)}


@pytest.mark.parametrize(("page", "target"), list(_links()))
def test_every_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    found = page if not name else page.parent / name
    if name in ("RELIABILITY.md", "CONTRIBUTING.md", "CHANGELOG.md"):  # in the root, and on the site beside the others
        found = ROOT / name
    assert found.exists()
    if anchor:
        assert anchor in _anchors_of(found)


def test_nothing_is_loaded_from_elsewhere() -> None:
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "font: false" in settings
    assert re.findall(r"https?://|extra_javascript|extra_css|analytics", settings.replace("no analytics", "")) == []
    for page in PAGES:
        text = page.read_text("utf-8")
        assert re.findall(r"!\[[^\]]*\]\((?!images/)|<(?:img|script|iframe|link)\b", text) == []
        for image in re.findall(r"!\[[^\]]*\]\((images/[^)]+\.svg)\)", text):
            drawing = (page.parent / image).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert re.findall(r"https?://|<script|<image|url\((?!#)", drawing) == []
