"""stdout for results, stderr for everything else; neither may end a command by being closed or old-fashioned."""

import io
import os
import sys
from contextlib import contextmanager, redirect_stdout, suppress

TYPE_CHECKING = False  # as in typing, which takes long to import on the way to `binex --version`
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

_STANDARD = (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w"))


def secure_streams() -> None:
    """Make all three standard streams something that can be used.

    A closed one becomes the null device: otherwise the next file that is opened, perhaps the database,
    would get its number, and whatever is printed would be written into it. Characters that a stream
    cannot encode are written as escapes.
    """
    for name, number, mode in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_streams() -> None:
    """Write what is buffered, so that nothing is left to fail while Python shuts down."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            _discard(number, stream)


def write_result(text: "str | Iterable[str]", stream: "TextIO | None" = None) -> None:
    """Write *text*, perhaps in pieces, and a line's end to stdout, or to the *stream* that stands for it.

    Nobody reading any more is no failure: what was to be done is done.

    Raises:
        StoreError: the stream cannot be written, as on a full disk.
    """
    stream = stream or sys.stdout
    try:
        last = ""
        for piece in (text,) if isinstance(text, str) else text:
            stream.write(piece)
            last = piece or last
        if not last.endswith("\n"):
            stream.write("\n")
        stream.flush()
    except BrokenPipeError:
        _discard(1, stream)
    except OSError as error:
        from binex.errors import StoreError

        _discard(1, stream)
        raise StoreError(f"cannot write the result: {error.strerror}") from error


def write_note(text: str) -> None:
    """Write *text* and a line's end to stderr, as far as there is anybody to read it."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        _discard(2, sys.stderr)


@contextmanager
def results_apart() -> "Iterator[TextIO]":
    """Keep stdout for results: what anybody else prints there in the block, child processes too, goes to stderr.

    Gives the stream for results. It stays apart afterwards, since a thread that was left behind may still print.
    """
    try:
        is_real = sys.stdout.fileno() == 1
    except (OSError, ValueError, AttributeError):
        is_real = False  # somebody, such as a test, has put something else in its place
    if not is_real:
        kept = sys.stdout
        with redirect_stdout(sys.stderr):
            yield kept
        return
    sys.stdout.flush()
    results = open(os.dup(1), "w", encoding=sys.stdout.encoding, errors="backslashreplace")  # noqa: PTH123, SIM115
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield results
    finally:
        with suppress(OSError):
            results.close()


def _discard(number: int, stream: "TextIO") -> None:
    """Let the rest of what is written to *stream* go nowhere."""
    with suppress(OSError, ValueError):
        number = stream.fileno()
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)
