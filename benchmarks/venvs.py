"""The environments that the contestants run in: one venv each, made on first use."""

import functools
import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.harness import HERE

REPOSITORY = HERE.parent
PEERS = {
    "binex-0.8.1": ("binex==0.8.1",),
    "langgraph": ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2"),
    "burr": ("apache-burr==0.42.0",),
}


def python_of(name: str) -> str:
    """The interpreter of the peer *name*, which is installed first where it is not."""
    return _program(_installed(name, PEERS[name], "\n".join(PEERS[name])), "python")


def program_of(name: str, program: str) -> str:
    """The command *program* of the peer *name*."""
    return _program(_installed(name, PEERS[name], "\n".join(PEERS[name])), program)


@functools.cache
def ours() -> Path:
    """The venv with this repository installed as a user would, made anew when its code has changed."""
    return _installed("ours", (str(REPOSITORY),), _fingerprint())


def python_with_agents() -> str:
    """The interpreter of a venv that has this repository and what speaks to agents."""
    return _program(_installed("ours-with-agents", (f"{REPOSITORY}[agents]",), _fingerprint()), "python")


def program_with_page(program: str) -> str:
    """A command of a venv that has this repository with its page, and what drives a browser."""
    return _program(
        _installed("ours-with-page", (f"{REPOSITORY}[agents,ui]", "playwright>=1.49"), _fingerprint()), program
    )


def our_program(program: str) -> str:
    """A command of our venv; where the installation failed, one that does not exist."""
    return _program(ours(), program)


def create(folder: Path, requirements: tuple[str, ...]) -> str | None:
    """Make *folder* a venv with *requirements*; returns pip's words if that fails."""
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    pip = [_program(folder, "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*pip, *requirements], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr


def _installed(name: str, requirements: tuple[str, ...], fingerprint: str) -> Path:
    folder = HERE / ".peers" / name
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text() == fingerprint:
        return folder
    print(f"installing {name}", file=sys.stderr)
    fault = create(folder, requirements)
    if fault is None:
        stamp.write_text(fingerprint)
    else:
        print(f"  {name} cannot be installed: {fault.strip()[-600:]}", file=sys.stderr)
    return folder


def _program(folder: Path, program: str) -> str:
    return str(folder / "bin" / program)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    files = [REPOSITORY / "pyproject.toml", *sorted((REPOSITORY / "src").rglob("*"))]
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(str(file.relative_to(REPOSITORY)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
