"""The one place that prints errors and decides exit codes.

====  =====================================================
0     done
1     the run failed, was cancelled, or cannot be done now
2     bad input: usage, a workflow file, an unknown id
3     the store or the machine failed
4     something that was recorded is damaged
70    an error in Binex itself
75    the run waits for somebody's answer
129   stopped by SIGHUP
130   stopped by SIGINT (Ctrl-C)
143   stopped by SIGTERM
====  =====================================================

Importing this module imports next to nothing: not even click, so that Ctrl-C is handled from the start.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_INTERNAL = 70
"""An error in Binex itself (EX_SOFTWARE in sysexits.h)."""


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Do what a command line says, and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        from binex.cli.streams import flush_streams, secure_streams

        secure_streams()
        code = _invoke(given)
        flush_streams()
    except KeyboardInterrupt:
        return 130
    return code


def _invoke(arguments: list[str]) -> int:
    try:
        if arguments == ["--version"]:  # click takes longer to load than everything else that this needs
            return _print_version()
        from binex.cli.group import invoke

        return invoke(arguments)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # Python 3.11 wraps one that comes while a class is made
            raise KeyboardInterrupt from error
        return report(error)


def _print_version() -> int:
    from binex import __version__
    from binex.cli.streams import write_result

    write_result(f"binex {__version__}")
    return 0


def report(error: BaseException) -> int:
    """Say what went wrong on stderr, and return the exit code for it."""
    import click

    from binex.cli.streams import write_note
    from binex.errors import BinexError, WorkflowError

    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    match error:
        case WorkflowError() if error.faults:
            code = error.exit_code
            notes = [_lines(fault.located_in(error.file), fault.fix) for fault in error.faults]
        case BinexError():
            code, notes = error.exit_code, [_lines(error.message, error.fix)]
        case click.ClickException():
            code, notes = 2, [_lines(error.format_message(), _usage_of(error))]
        case click.Abort():
            code, notes = 130, []
        case MemoryError():
            code, notes = 3, [_lines("out of memory", "give the process more memory, or less to do at a time")]
        case RuntimeError() if "can't start new thread" in str(error):
            code, notes = (
                3,
                [_lines("the machine gives no more threads", "raise its limit (ulimit -u), or do less at a time")],
            )
        case OSError() if error.strerror:
            place = f"cannot use '{error.filename}': " if error.filename is not None else ""
            code, notes = 3, [_lines(f"{place}{error.strerror}", None)]
        case _:
            code, notes = EXIT_INTERNAL, [_internal(error)]
    for note in notes:
        write_note(note)
    return code


def _lines(message: str, fix: str | None) -> str:
    from binex.cli.render.look import Look
    from binex.cli.render.text import escape

    look = Look.of(sys.stderr)
    lines = f"{look.paint('Error:', 'bad')} {escape(message)}"
    return lines + (f"\n  {look.paint('fix:', 'strong')} {escape(fix)}" if fix else "")


def _usage_of(error: "object") -> str | None:
    import click

    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"'{error.ctx.command_path} --help' shows how it is used"
    return None


def _internal(error: BaseException) -> str:
    """An error that nobody foresaw: short on the screen, in full in a file or, with BINEX_DEBUG, on the screen."""
    import os
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(error))
    if os.environ.get("BINEX_DEBUG"):
        return text
    what = _lines(f"internal error: {type(error).__name__}: {error}", None)
    try:
        number, name = tempfile.mkstemp(prefix="binex-error-", suffix=".txt")
        with open(number, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - a descriptor
            file.write(text)
    except OSError:
        return f"{what}\n  this is a defect of Binex; BINEX_DEBUG=1 shows where it happened"
    return f"{what}\n  this is a defect of Binex; where it happened is kept in {name}"
