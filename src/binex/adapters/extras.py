"""Libraries that only some agents need, and that are installed with an extra."""

from importlib.util import find_spec
from typing import Final

from binex.errors import INSTALL_AGENTS, INSTALL_LITELLM, FieldFault

_OTHER_EXTRAS: Final = {"litellm": INSTALL_LITELLM}
"""How to install what `binex[agents]` does not bring."""


def missing_library(agent: str, *modules: str) -> FieldFault | None:
    """What is wrong where one of the *modules* that *agent* needs is not installed; nothing is imported."""
    for name in modules:
        if not is_installed(name):
            fix = _OTHER_EXTRAS.get(name, INSTALL_AGENTS)
            return FieldFault(("agent",), f"{agent} needs the package '{name}', which is not installed", fix)
    return None


def is_installed(module: str) -> bool:
    """Whether a top-level module is there; it is not imported."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # somebody keeps it from being imported
        return False
