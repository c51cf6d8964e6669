"""Secrets among the headers and variables that a user gives: known by the names that they go under."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_NAME: Final = re.compile(r"auth|cookie|credential|key|passw|secret|session|signature|token", re.IGNORECASE)
"""Names are read generously: what they hide is cut out of a tape, and nothing else depends on it."""
_NO_SECRET: Final = re.compile(r"true|false|yes|no|on|off|none|null|\d{1,7}", re.IGNORECASE)
"""Values as of ``TOKENIZERS_PARALLELISM`` or ``MAX_TOKENS``: to hide them would cut common words out of everything."""


def secrets_in(named: Mapping[str, str]) -> Iterator[str]:
    """The values whose names say that they are secret; of ``Bearer key`` also the key alone."""
    for name, value in named.items():
        if value and _NAME.search(name) and not _NO_SECRET.fullmatch(value):
            yield value
            scheme, _, key = value.partition(" ")
            if key and scheme.isalpha():
                yield key
