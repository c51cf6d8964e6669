"""``binex.toml``: what it may say, and every complaint by its line."""

import os
from pathlib import Path

import pytest

from binex.errors import InputError, WorkflowError
from binex.loader.settings import load_settings
from binex.models.settings import ProjectSettings, Rates


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "binex.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == ProjectSettings()
    assert load_settings(tmp_path / "nowhere") == ProjectSettings()


def test_all_that_can_be_said_is_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        """\ufeff
        [prices]
        "ollama/*" = 0

        [prices."openai/gpt-4o-mini"]
        input = 0.15
        cached_input = 0.075
        output = 0.60

        [redaction]
        patterns = ["ACME-[0-9]{6}", 'x\\d+']
        """,
    )
    found = load_settings(tmp_path)
    assert found.prices == {
        "ollama/*": Rates(input=0, output=0),
        "openai/gpt-4o-mini": Rates(input=0.15, cached_input=0.075, output=0.60),
    }
    assert found.redaction.patterns == ("ACME-[0-9]{6}", "x\\d+")


def test_all_faults_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """[prices]
bad = 3
"x/y" = "dear"
"a/nan" = {input = nan, output = 1}

[prices."openai/gpt-4o-mini"]
input = 0.15
outpt = 1

[prices."a/b"]
input = -1
output = true
[redaction]
patterns = ["(", "a*", "ok"]
pattern = 1
[limit]
""",
    )
    with pytest.raises(WorkflowError) as caught:
        load_settings(tmp_path)
    told = [(fault.line, fault.message) for fault in caught.value.faults]
    assert told == [
        (2, '\'prices.bad\': write "provider/model", or "provider/*" for all models of one'),
        (3, "'prices.x/y': a price is a number, or a table such as {input = 0.15, output = 0.60}"),
        (4, "'prices.a/nan.input': input should be a finite number"),
        (6, "'prices.openai/gpt-4o-mini.output' is missing"),
        (8, "unknown key 'prices.openai/gpt-4o-mini.outpt'"),
        (11, "'prices.a/b.input': input should be greater than or equal to 0"),
        (12, "'prices.a/b.output': input should be a valid number"),
        (
            14,
            "'redaction.patterns.0': '(' is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        (14, "'redaction.patterns.1': 'a*' also fits an empty text, so it would be found everywhere"),
        (15, "unknown key 'redaction.pattern'"),
        (16, "unknown key 'limit'"),
    ]
    assert str(path) in caught.value.message
    assert next(fault.fix for fault in caught.value.faults if fault.line == 8) is not None


def test_what_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    write(tmp_path, "[prices]\na = = 1\n")
    with pytest.raises(InputError, match=r"binex\.toml:2:5: is not TOML: Invalid value"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a = '\xff'", "is not UTF-8: byte 0xFF at offset 5"),
        (b"#" * (1024 * 1024 + 1), "is larger than 1,048,576 bytes"),
        (b"a = " + b"[" * 100_000, "is nested too deep"),
        (b"prices = 1", "'prices': input should be a valid dictionary"),
        (b"[redaction]\npatterns = 'x'", "'redaction.patterns' must be a list"),
        (b"a = 'unclosed", "is not TOML"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    write(tmp_path, content)
    with pytest.raises(InputError, match=r"binex\.toml") as caught:
        load_settings(tmp_path)
    assert complaint in caught.value.message


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "binex.toml")
    with pytest.raises(InputError, match="is a pipe, not a file"):
        load_settings(tmp_path)
    (tmp_path / "binex.toml").unlink()
    (tmp_path / "binex.toml").mkdir()
    with pytest.raises(InputError, match="is a folder, not a file"):
        load_settings(tmp_path)
