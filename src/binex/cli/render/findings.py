"""What the doctor found, and did."""

from collections.abc import Iterator, Sequence

from binex.cli.render.look import Look
from binex.cli.render.text import escape
from binex.models.base import Model
from binex.stores.doctor import Finding, Severity

_STYLES = {Severity.DAMAGE: "bad", Severity.WARNING: "warn", Severity.INFO: "faint"}


class Checkup(Model):
    """What `binex doctor --json` prints."""

    directory: str
    """The store."""
    done: tuple[Finding, ...] = ()
    """What was set right, and what could not be."""
    found: tuple[Finding, ...] = ()
    """What is wrong now, worst first."""


def checkup(report: Checkup, look: Look) -> str:
    """What was done, what is wrong now, and a line that sums it up."""
    parts = []
    if report.done:
        parts.append("\n".join([look.paint("Done", "strong"), *_lines(report.done, look)]))
    if report.found:
        parts.append("\n".join([look.paint("Found", "strong"), *_lines(report.found, look)]))
    parts.append(_sum(report, look))
    return "\n\n".join(parts)


def _lines(findings: Sequence[Finding], look: Look) -> Iterator[str]:
    fixes = [finding.fix for finding in findings]
    for i, finding in enumerate(findings):
        word = look.paint(f"{finding.severity.value:7}", _STYLES[finding.severity])
        yield f"  {word}  {escape(finding.subject)}: {escape(finding.message)}"
        if finding.fix and finding.fix not in fixes[i + 1 :]:  # the last one of those with the same fix says it
            yield f"           {look.paint('fix:', 'strong')} {escape(finding.fix)}"


def _sum(report: Checkup, look: Look) -> str:
    counts = {severity: sum(one.severity is severity for one in report.found) for severity in Severity}
    if counts[Severity.DAMAGE]:
        return f"{look.mark('failed')} {escape(report.directory)} is damaged in {_times(counts[Severity.DAMAGE])}"
    if counts[Severity.WARNING]:
        return f"{look.mark('interrupted')} {escape(report.directory)} is sound, with the warnings above"
    return f"{look.mark('completed')} {escape(report.directory)} is sound"


def _times(number: int) -> str:
    return f"{number:,} place" + ("" if number == 1 else "s")
