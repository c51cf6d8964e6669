"""What only the extra ``binex[ui]`` brings, and is imported where it is first needed."""

from collections.abc import Iterator
from contextlib import contextmanager

from binex.errors import InputError


@contextmanager
def needing_extra() -> Iterator[None]:
    """Import in the block what belongs to it.

    Raises:
        InputError: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise InputError(f"'{error.name}' is not installed", fix="pip install 'binex[ui]'") from error
