"""Faults by field become faults by place, and all of them one error that reads well."""

from collections.abc import Iterable, Sequence
from typing import Final

from binex.errors import Fault, FieldFault, WorkflowError
from binex.loader.yaml_source import Fault as YamlFault
from binex.loader.yaml_source import YamlDocument
from binex.tape.redaction import Redactor

_SHOWN: Final = 100
"""So many faults stand in the text of the error; ``faults`` holds all of them."""
_LONGEST: Final = 600

_keys: Final = Redactor(())
"""A message may quote what stands in the file, and that may be a key."""


def locate(fault: FieldFault, document: YamlDocument) -> Fault:
    """The fault with the place of its key or value in the file."""
    place = document.place_of(fault.path, key=fault.at_key)
    return Fault(fault.message, place.line, place.column, fault.fix)


def from_yaml(fault: YamlFault) -> Fault:
    """A fault of the YAML reader in the words that all share."""
    if fault.place is None:
        return Fault(fault.message, fix=fault.fix)
    return Fault(fault.message, fault.place.line, fault.place.column, fault.fix)


def workflow_error(file: str, faults: Iterable[Fault]) -> WorkflowError:
    """The one error for all that is wrong with *file*, in file order; what stands there twice is told once."""
    listed = sorted(dict.fromkeys(_printable(fault) for fault in faults), key=_file_order)
    file = _escape(file)
    if len(listed) == 1:
        error = WorkflowError(listed[0].located_in(file), file=file, faults=listed)
        error.fix = listed[0].fix
        return error
    return WorkflowError(_listing(file, listed), file=file, faults=listed)


def _listing(file: str, faults: Sequence[Fault]) -> str:
    lines = [f"{file}: {len(faults)} faults"]
    for fault in faults[:_SHOWN]:
        lines += ["", f"  {fault.located_in(file)}"]
        if fault.fix:
            lines.append(f"    fix: {fault.fix}")
    if len(faults) > _SHOWN:
        lines += ["", f"  … and {len(faults) - _SHOWN} more"]
    return "\n".join(lines)


def _file_order(fault: Fault) -> tuple[int, int]:
    return fault.line or 0, fault.column or 0


def _printable(fault: Fault) -> Fault:
    fix = None if fault.fix is None else _escape(fault.fix)
    return Fault(_escape(fault.message), fault.line, fault.column, fix)  # both may quote the file


def _escape(text: str) -> str:
    """*text* on one line and not without end, what a terminal would obey as an escape: names come from the file."""
    text = _keys.redact_text(text, shapes=True)
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
