"""RELIABILITY.md names tests as proof, so these tests have to exist, and the fault tests have to be named."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "RELIABILITY.md"


def named() -> list[tuple[str, str]]:
    """Every ``file::function`` of the page."""
    return re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE.read_text("utf-8"))


def functions_of(file: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse(file.read_text("utf-8")).body
    return {node.name for node in body if isinstance(node, functions) and node.name.startswith("test_")}


def test_every_test_that_is_named_exists() -> None:
    assert len(named()) > 50
    missing = [
        f"{file}::{name}"
        for file, name in named()
        if not (TESTS / file).is_file() or name not in functions_of(TESTS / file)
    ]
    assert not missing, missing


def test_every_promise_names_its_proof() -> None:
    sections = re.split(r"^### ", PAGE.read_text("utf-8").partition("\n## What was tried")[0], flags=re.MULTILINE)[1:]
    assert len(sections) > 8
    for section in sections:
        assert "Proof:" in section and "::test_" in section, section.splitlines()[0]


def test_the_page_does_not_hide_what_is_not_proven() -> None:
    text = PAGE.read_text("utf-8")
    assert "\n## Not promised\n" in text
    assert len(text.partition("\n## Not proven yet\n")[2].split("\n- ")) > 5
