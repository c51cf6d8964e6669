"""What the doctor says about a store."""

from enum import StrEnum

from binex.errors import BinexError
from binex.models.base import Model


class Severity(StrEnum):
    """How much a finding matters."""

    DAMAGE = "damage"
    """Something cannot be used, or is not what was recorded."""
    WARNING = "warning"
    """Nothing is lost, but somebody should act."""
    INFO = "info"
    """Good to know."""


class Finding(Model):
    """One thing that the doctor found, or did."""

    severity: Severity
    """How much it matters."""
    subject: str
    """What it is about: a file, a run, a task, an artifact."""
    message: str
    """What is wrong with it, or what was done."""
    fix: str | None = None
    """What to do about it."""


def of(error: BinexError, subject: str) -> Finding:
    """What an error says about *subject*."""
    return damage(subject, error.message, error.fix)


def damage(subject: str, message: str, fix: str | None = None) -> Finding:
    """Something cannot be used."""
    return Finding(severity=Severity.DAMAGE, subject=subject, message=message, fix=fix)


def warning(subject: str, message: str, fix: str | None = None) -> Finding:
    """Somebody should act."""
    return Finding(severity=Severity.WARNING, subject=subject, message=message, fix=fix)


def info(subject: str, message: str, fix: str | None = None) -> Finding:
    """Good to know."""
    return Finding(severity=Severity.INFO, subject=subject, message=message, fix=fix)
