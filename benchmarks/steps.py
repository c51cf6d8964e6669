"""The functions that the workflows of the benchmarks run; copied beside each workflow file."""

import asyncio
import random
import time
from pathlib import Path

_WORDS = ("bees", "hive", "honey", "pollen", "queen", "worker", "swarm", "comb", "nectar", "winter", "field", "wax")


def step(n: int) -> int:
    """One link of a chain."""
    return n + 1


def finish(n: int, expected: int) -> int:
    """The last link: says so if a value was lost on the way."""
    if n + 1 != expected:
        raise ValueError(f"the chain arrived at {n + 1} instead of {expected}")
    return n + 1


async def step_async(n: int) -> int:
    """One link of a chain that needs no thread."""
    return n + 1


async def nap(seconds: float) -> float:
    """Await, as a call to a model would."""
    await asyncio.sleep(seconds)
    return seconds


def wait_for(file: str) -> bool:
    """Until somebody makes *file*."""
    while not Path(file).exists():
        time.sleep(0.02)
    return True


def count(n: int) -> list[int]:
    """The list that fans out."""
    return list(range(n))


def add(values: list[int], expected: int) -> int:
    """The end of the fan-out: says so if an item was lost on the way."""
    if sum(values) != expected:
        raise ValueError(f"the items add up to {sum(values)} instead of {expected}")
    return sum(values)


def mix(a: int | str, b: int = 0, c: int = 0, d: int = 0, e: int = 0) -> int:
    """A node of the layered graph."""
    return (int(a) + b + c + d + e) % 1_000_003


def note(subject: str, n: int) -> str:
    """Some words on a subject, the same every time."""
    return f"{subject}: {' '.join(random.Random(f'{subject}{n}').choices(_WORDS, k=40))}"


def join(a: str, b: str) -> str:
    """Both, the first before the second."""
    return f"{a}\n{b}"


def text_of(size: int) -> str:
    """*size* characters that do not compress well, the same every time."""
    return random.Random(1).randbytes(size // 2).hex()


def turn(text: str) -> str:
    """Another text of the same size."""
    return text[1:] + text[0]
