"""What holds for all tests of remote agents."""

import pytest

from binex.tape.hooks import install_hooks


@pytest.fixture(autouse=True)
def _taped() -> None:
    """The wire is taped, as in a run, whichever test comes first."""
    install_hooks()
