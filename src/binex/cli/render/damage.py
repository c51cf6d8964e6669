"""What could not be read, below what could."""

from collections.abc import Iterable

from binex.analysis.artifacts import Damage
from binex.cli.render.look import Look
from binex.cli.render.text import escape


def damage_lines(damage: Iterable[Damage], look: Look) -> list[str]:
    """One line for each piece: where it is, and what is wrong with it."""
    return [f"{look.paint('damaged:', 'bad')} {escape(one.where)}: {escape(one.message)}" for one in damage]
