"""What is wrong with workflow files."""

from collections.abc import Iterator

from binex.cli.checking import CheckedFile, CheckedFiles
from binex.cli.render.look import Look
from binex.cli.render.text import escape
from binex.cli.render.units import count
from binex.models.complaint import Complaint


def checked_files(found: CheckedFiles, look: Look, error_look: Look) -> tuple[str, str]:
    """What is good, for stdout; what is not, for stderr."""
    good = [
        f"{look.mark('completed')} {escape(file.file)}: {escape(file.name or '')}, {count(file.node_count, 'node')}"
        for file in found.files
        if file.is_usable
    ]
    bad = [line for file in found.files for line in _complaints(file, error_look)]
    return "\n".join(good), "\n".join(bad)


def _complaints(file: CheckedFile, look: Look) -> Iterator[str]:
    for fault in file.faults:
        yield from _complaint(file.file, fault, look.paint("Error:", "bad"), look)
    for warning in file.warnings:
        yield from _complaint(file.file, warning, look.paint("Warning:", "warn"), look)


def _complaint(file: str, complaint: Complaint, word: str, look: Look) -> Iterator[str]:
    place = "" if complaint.line is None else f":{complaint.line}:{complaint.column}"
    yield f"{word} {escape(f'{file}{place}: {complaint.message}')}"
    if complaint.fix:
        yield f"  {look.paint('fix:', 'strong')} {escape(complaint.fix)}"
