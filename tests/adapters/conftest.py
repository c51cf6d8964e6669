"""The workbench of a test."""

from pathlib import Path

import pytest

from tests.adapters.workbench import Workbench


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path / "flow")
