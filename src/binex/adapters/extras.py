"""Libraries that only some agents need, and that are installed with an extra."""

from importlib.util import find_spec

from binex.errors import INSTALL_AGENTS, FieldFault


def missing_library(agent: str, *modules: str) -> FieldFault | None:
    """What is wrong where one of the *modules* that *agent* needs is not installed; nothing is imported."""
    for name in modules:
        if find_spec(name) is None:
            return FieldFault(("agent",), f"{agent} needs the package '{name}', which is not installed", INSTALL_AGENTS)
    return None
