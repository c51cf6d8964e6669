"""What the user's code raised, as something that can be passed on and read."""

import traceback
from pathlib import Path

from binex.adapters.local_folder import plain_names
from binex.errors import AgentError

_PACKAGE = Path(__file__).parents[1]
_OURS = (str(_PACKAGE / "adapters"), str(_PACKAGE / "runtime"), "<frozen runpy>", "<frozen importlib")


def contained(error: BaseException) -> Exception:
    """*error* as an exception that only fails the task: one that ends the process or breaks a future is wrapped."""
    if isinstance(error, SystemExit):
        code = "" if error.code is None else f"{error.code!r:.200}"
        return _caused(AgentError(f"called sys.exit({code})", fix="return a value, or raise an exception"), error)
    if isinstance(error, StopIteration):
        return _caused(RuntimeError(f"raised StopIteration({', '.join(map(repr, error.args))})"), error)
    if isinstance(error, Exception):
        return error
    said = f": {error}" if str(error) else ""
    return _caused(AgentError(f"raised {type(error).__name__}{said}"), error)


def traceback_of(error: BaseException) -> str:
    """The traceback, without Binex's own frames and with the names that the user gave his modules."""
    report = traceback.TracebackException.from_exception(error, compact=True)
    link: traceback.TracebackException | None = report
    while link is not None:
        own = [frame for frame in link.stack if not frame.filename.startswith(_OURS)]
        link.stack = traceback.StackSummary.from_list(own)
        link = link.__cause__ or link.__context__
    return plain_names("".join(report.format()))


def crash_report(text: str) -> str:
    """What a crashing process wrote about itself, without the frames of the adapter."""
    return "".join(line for line in text.splitlines(keepends=True) if not any(ours in line for ours in _OURS))


def place_in(error: BaseException, folder: str | None) -> str:
    """Where it happened, as `` (steps.py:12)``: the innermost line inside *folder*, or else the innermost one."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({_short(error.filename, folder)}:{error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(_OURS)]
    inside = [frame for frame in frames if folder is not None and Path(frame.filename).is_relative_to(folder)]
    if not frames:
        return ""
    frame = (inside or frames)[-1]
    return f" ({_short(frame.filename, folder)}:{frame.lineno})"


def _short(file: str, folder: str | None) -> str:
    path = Path(file)
    return str(path.relative_to(folder)) if folder is not None and path.is_relative_to(folder) else file


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error
