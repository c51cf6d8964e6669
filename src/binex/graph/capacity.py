"""How many tasks may run at a time: one limit for all, or one for each provider or scheme."""

import sys
from collections.abc import Iterator, Mapping
from typing import Final

DEFAULT_CONCURRENCY = 8
_PEOPLE: Final = "human"


class Capacity:
    """Counts what runs against ``concurrency``; a bucket is the limit that an agent falls under.

    People have no limit unless ``concurrency`` names one: a task that waits for somebody is no work for the machine.
    """

    def __init__(self, concurrency: int | Mapping[str, int] | None) -> None:
        limits = dict(concurrency) if isinstance(concurrency, Mapping) else {"default": concurrency}
        self._limits = {bucket: limit or DEFAULT_CONCURRENCY for bucket, limit in limits.items()}
        self._limits.setdefault("default", DEFAULT_CONCURRENCY)
        self._given = frozenset(self._limits)
        self._limits.setdefault(_PEOPLE, sys.maxsize)
        self._running = dict.fromkeys(self._limits, 0)

    @property
    def buckets(self) -> Iterator[str]:
        """Every bucket there is."""
        return iter(self._limits)

    def bucket_of(self, agent: str) -> str:
        """The bucket of an agent's URI: its provider's, else its scheme's, else the default."""
        scheme, _, rest = agent.partition("://")
        provider = rest.partition("/")[0]
        if scheme == _PEOPLE:
            return _PEOPLE
        return next((name for name in (provider, scheme) if name in self._given), "default")

    def has_room(self, bucket: str) -> bool:
        """Whether one more may run."""
        return self._running[bucket] < self._limits[bucket]

    def take(self, bucket: str) -> None:
        """Count one more that runs."""
        self._running[bucket] += 1

    def give_back(self, bucket: str) -> None:
        """Count one less that runs."""
        self._running[bucket] -= 1
