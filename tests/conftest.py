"""What holds for all tests."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Under nohup SIGHUP is ignored, and every process that a test starts would inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A busy machine is no failure; in CI the same examples run each time, so that only a change can turn it red.
settings.register_profile("binex", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("binex")


@pytest.fixture
def activated(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python` is the one that runs the tests, as where its environment is activated."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
