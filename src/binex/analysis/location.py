"""Which store somebody means by where they are."""

import os
from pathlib import Path


def find_directory(start: Path | None = None) -> Path:
    """The ``.binex`` folder: BINEX_DIR, else the nearest one upwards from *start*, else one to be made there."""
    named = os.environ.get("BINEX_DIR")
    if named:
        return Path(named).absolute()
    here = (start or Path.cwd()).absolute()
    return next((p / ".binex" for p in (here, *here.parents) if (p / ".binex").is_dir()), here / ".binex")
