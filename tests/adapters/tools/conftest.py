"""The bench of a test; whatever servers it started are ended."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.tools.bench import ToolBench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[ToolBench]:
    made = ToolBench(tmp_path / "flow")
    yield made
    await made.servers.close()
