"""A git repository, only read: its commits, and their files in worktrees of their own.

Neither the index nor HEAD nor a file of the checkout is touched; hooks of the repository are not run.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from binex.analysis.bisection.commits import Commit
from binex.errors import InputError

_QUIET: Final = ("-c", f"core.hooksPath={os.devnull}", "-c", "gc.auto=0", "-c", "core.fsmonitor=false",
                 "-c", "advice.detachedHead=false")  # fmt: skip
_TIMEOUT_S: Final = 600
_SHOWN: Final = 5
_PREFIX: Final = "binex-bisect-"


class Repository:
    """The repository that a folder belongs to."""

    def __init__(self, top: Path) -> None:
        self.top = top

    @classmethod
    def of(cls, folder: Path) -> "Repository":
        """The repository of *folder*.

        Raises:
            InputError: there is none, or no git.
        """
        if not folder.is_dir():
            raise InputError(f"the folder of the workflow is gone: {folder}", fix="--git needs its repository")
        done = _git(folder, "rev-parse", "--show-toplevel")
        if done.returncode:
            fix = "bisect without --git: that swaps what changed between the two runs"
            raise InputError(f"{folder} is in no git repository: {_first_line(done.stderr)}", fix=fix)
        return cls(Path(done.stdout.removesuffix("\n")))

    def resolve(self, revision: str, what: str) -> str:
        """The full hash of a commit.

        Raises:
            InputError: there is no such commit.
        """
        done = _git(self.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.returncode:
            raise InputError(
                f"{what}: there is no commit '{revision:.80}' in {self.top}",
                fix=self._unshallow() or "fetch it, or name others: binex bisect GOOD BAD GOODREV BADREV --git",
            )
        return done.stdout.strip()

    def path_between(self, good: str, bad: str) -> list[str]:
        """The commits after *good* up to *bad*, oldest first, along first parents: a merge counts as one.

        Raises:
            InputError: *good* is not an ancestor of *bad*.
        """
        if _git(self.top, "merge-base", "--is-ancestor", good, bad).returncode:
            if _git(self.top, "merge-base", "--is-ancestor", bad, good).returncode == 0:
                raise InputError(f"commit {good[:12]}, the good one, is later than the bad one {bad[:12]}",
                                 fix="there is no first bad commit between them; name other ones")  # fmt: skip
            raise InputError(f"commit {good[:12]} is not an ancestor of {bad[:12]}",
                             fix=self._unshallow() or "name an older good commit that both branches have")  # fmt: skip
        return self._ask("rev-list", "--first-parent", "--reverse", f"{good}..{bad}").split()

    def commit(self, id: str, *, with_files: bool = False) -> Commit:
        """What is known of a commit."""
        said = self._ask("show", "-s", "--no-show-signature", "--format=%s%x00%an%x00%aI", id)
        subject, author, date = said.removesuffix("\n").split("\0")
        files: tuple[str, ...] = ()
        if with_files:
            listed = self._ask("log", "-1", "-m", "--first-parent", "--name-only", "--format=", "-z", id)
            files = tuple(name for name in listed.split("\0") if name)
        return Commit(id=id, subject=subject, author=author, date=datetime.fromisoformat(date), files=files)

    def text_at(self, commit: str, path: str) -> str | None:
        """What a file holds at a commit; None where there is none."""
        done = _git(self.top, "show", f"{commit}:{path}")
        return None if done.returncode else done.stdout

    def uncommitted(self) -> list[str]:
        """The files of the checkout that are not as they were committed; those that git does not know are left out."""
        listed = self._ask("status", "--porcelain", "-z", "--untracked-files=no")
        return [entry[3:] for entry in listed.split("\0") if len(entry) > 3 and entry[2] == " "]

    @contextmanager
    def worktree(self, commit: str) -> Iterator[Path]:
        """A folder with the files of *commit*, which is gone after the block.

        Raises:
            InputError: git cannot make one.
        """
        home = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        folder = home / commit[:12]
        try:
            done = _git(self.top, "worktree", "add", "--detach", "--quiet", str(folder), commit)
            if done.returncode:
                raise InputError(f"commit {commit[:12]} cannot be checked out: {_first_line(done.stderr)}")
            yield folder
        finally:
            removed = _git(self.top, "worktree", "remove", "--force", "--force", str(folder))
            shutil.rmtree(home, ignore_errors=True)
            if removed.returncode:
                _git(self.top, "worktree", "prune")  # what is known of it in the repository

    def _unshallow(self) -> str:
        """How to get the history that was never fetched; empty where all of it is here."""
        is_shallow = _git(self.top, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
        return "not all history was fetched, fetch the rest of it: git fetch --unshallow" if is_shallow else ""

    def _ask(self, *arguments: str) -> str:
        done = _git(self.top, *arguments)
        if done.returncode:
            raise InputError(f"git {arguments[0]}: {_first_line(done.stderr)}")
        return done.stdout


def in_words(files: list[str]) -> str:
    """Some of *files*, and how many more there are."""
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    return ", ".join(files[:_SHOWN]) + more


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Let git do something, without what the environment says about another repository."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", *_QUIET, "-C", str(folder), *arguments],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="surrogateescape",
            timeout=_TIMEOUT_S, check=False, start_new_session=True,  # Ctrl-C is ours to answer
        )  # fmt: skip
    except OSError as error:
        raise InputError(f"git cannot be executed: {error.strerror}", fix="install git") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"git {arguments[0]} did not end in {_TIMEOUT_S} s") from error


def _first_line(text: str) -> str:
    return next((line.removeprefix("fatal: ") for line in text.splitlines() if line.strip()), "git failed")
