"""The script that the scripted models answer from, as it is in its file at the moment."""

from pathlib import Path
from typing import Final

from pydantic import JsonValue

from binex.adapters.llm.mock import MockBackend
from binex.errors import InputError

_Stamp = tuple[int, int, int]
_UNSEEN: Final = (0, 0, 0)


class LiveScript:
    """Answers from a file that may be edited meanwhile; each time that it is saved, from its beginning.

    Without a file every answer says what was asked.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = None if path is None else path.resolve()
        self._stamp: _Stamp | None = _UNSEEN
        self._fault: InputError | None = None
        self._backend = MockBackend()

    def backend(self) -> MockBackend:
        """Who answers, by what the file says now.

        Raises:
            InputError: the file is no script.
        """
        if self.path is not None and (stamp := _stamp_of(self.path)) != self._stamp:
            self._stamp, self._fault = stamp, None
            self._backend = MockBackend()
            for fault in self._backend.prepare({"script": self.path.name}, str(self.path.parent)):
                self._fault = InputError(fault.message, fix=fault.fix)
        if self._fault is not None:
            raise InputError(self._fault.message, fix=self._fault.fix)
        return self._backend

    def options(self, run: str, task: str, attempt: int) -> dict[str, JsonValue]:
        """How :class:`MockBackend` is told who asks, and what it answers from."""
        options: dict[str, JsonValue] = {"run": run, "task": task, "attempt": attempt}
        if self.path is not None:
            options |= {"script": self.path.name, "folder": str(self.path.parent)}
        return options


def _stamp_of(path: Path) -> _Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
