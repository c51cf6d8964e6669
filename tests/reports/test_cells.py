"""Cells of tables: text never becomes a formula, and numbers stay numbers."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from binex.reports.cells import CUT, LONGEST, cell

TEXT = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (-1.5, "-1.5"),
        (-3, "-3"),
        (0.1 + 0.2, "0.3"),
        (1e-7, "1e-07"),
        ("", ""),
        ("plain", "plain"),
        ("-1.5", "'-1.5"),
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\r=1", "\\x0d=1"),
        ("a\r\nb", "a\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\u202eevil", "\\u202eevil"),
        ("\ud800", "\\ud800"),
        (datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), "2026-01-02T03:04:05.678Z"),
    ],
)
def test_a_value_is_written_as_it_can_be_read_again_and_never_calculated(value: object, text: str) -> None:
    assert cell(value) == text  # type: ignore[arg-type]


@given(st.lists(TEXT, min_size=1, max_size=5))
@example(["=cmd|' /C calc'!A0", '"', ",", "a\nb", "\x00"])
def test_whatever_a_text_is_a_row_is_read_back_and_no_cell_begins_a_formula(texts: list[str]) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([cell(text) for text in texts])
    file.getvalue().encode()  # no lone surrogates
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""), strict=True)
    assert row == [cell(text) for text in texts]
    for text in row:
        assert text.lstrip()[:1] not in {"=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"}
        assert not text.startswith(("\t", "\r"))


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_number_is_a_number_in_the_table(number: float) -> None:
    assert float(cell(number)) == pytest.approx(number, abs=1e-9)


def test_a_text_that_no_spreadsheet_takes_is_cut_and_says_so() -> None:
    assert cell("x" * LONGEST) == "x" * LONGEST
    assert cell("x" * (LONGEST + 1)) == "x" * LONGEST + CUT
    assert len(cell("\x00" * LONGEST)) < 32_767
