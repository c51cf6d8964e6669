"""Times whole processes against each other: fresh folders, alternating order, medians with their spread."""

import json
import os
import statistics
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Command:
    """One process to time."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    fresh: str | None = None
    """A path below `cwd` that is set aside before every run, so that each starts without a store."""
    probe: Callable[[], Mapping[str, float]] | None = None
    """Looks at what the process left behind; its figures join the sample."""


@dataclass(frozen=True)
class Spread:
    """A median and what lies around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of *values*, of which there is at least one."""
        known = sorted(values)
        return cls(statistics.median(known), known[0], known[-1])

    def text(self, scale: float, unit: str) -> str:
        """`1.23 ms (1.11 to 1.40)`, every figure multiplied by *scale*."""
        low, high = figure(self.low * scale), figure(self.high * scale)
        return f"{figure(self.median * scale)} {unit} ({low} to {high})"


def figure(value: float) -> str:
    """*value* with three significant digits, never in exponent form."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"


@dataclass(frozen=True)
class Measured:
    """The samples of every contestant, in the order of the rounds, and why some have none."""

    samples: dict[str, list[dict[str, float]]]
    faults: dict[str, str]

    def values(self, name: str, key: str = "seconds") -> list[float]:
        """What *name* measured for *key*, round by round; empty if it could not run."""
        return [sample[key] for sample in self.samples.get(name, []) if key in sample]

    def spread(self, name: str, key: str = "seconds") -> Spread | None:
        """Median, minimum and maximum of *name*, None if it could not run."""
        values = self.values(name, key)
        return Spread.of(values) if values else None

    def slope(self, large: str, small: str, nodes: int, key: str = "seconds") -> Spread | None:
        """What each of the *nodes* that *large* has more than *small* adds: start-up cancels out."""
        pairs = zip(self.values(large, key), self.values(small, key), strict=False)
        slopes = [(more - less) / nodes for more, less in pairs]
        return Spread.of(slopes) if slopes else None


def run_once(command: Command) -> dict[str, float]:
    """Run *command* in a fresh folder and return its sample.

    Raises:
        RuntimeError: it could not be started or ended with another code than 0.
    """
    if command.fresh is not None:
        _set_aside(command.cwd / command.fresh)
        command.cwd.mkdir(parents=True, exist_ok=True)
    if not Path(command.argv[0]).exists():
        raise RuntimeError(f"{Path(command.argv[0]).name} is not installed")
    output = RESULTS / "tmp" / "output"
    output.mkdir(parents=True, exist_ok=True)
    os.sync()
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | dict(command.env)
    launcher = [sys.executable, "-I", "-S", str(HERE / "launch.py"), str(output), *command.argv]
    done = subprocess.run(launcher, cwd=command.cwd, env=env, capture_output=True, text=True, check=True)
    sample: dict[str, float] = json.loads(done.stdout)
    if sample.pop("exit_code") != 0:
        text = (output / "stderr").read_text(errors="replace") + (output / "stdout").read_text(errors="replace")
        raise RuntimeError(" ".join(text.split())[-300:] or "failed without a word")
    if command.probe is not None:
        sample |= command.probe()
    return sample


def _set_aside(folder: Path) -> None:
    """Move *folder* out of the way until everything is measured.

    Deleting it would slow down who runs next: for minutes, ext4 searches past the inodes of files that were just
    deleted whenever one is created (`recently_deleted` in fs/ext4/ialloc.c), four times the usual cost here.
    """
    if folder.exists():
        attic = RESULTS / "tmp" / "attic"
        attic.mkdir(parents=True, exist_ok=True)
        folder.rename(attic / uuid.uuid4().hex)


def measure(contest: Mapping[str, Command], runs: int) -> Measured:
    """Run every contestant once to warm up, then *runs* rounds, each in the reverse order of the one before."""
    measured = Measured({}, {})
    for name, command in contest.items():
        try:
            run_once(command)
        except RuntimeError as error:
            measured.faults[name] = str(error)
            print(f"  {name}: {error}", file=sys.stderr)
        else:
            measured.samples[name] = []
    for number in range(runs):
        names = list(measured.samples)
        for name in names if number % 2 == 0 else reversed(names):
            measured.samples[name].append(run_once(contest[name]))
        print(f"  round {number + 1} of {runs}", file=sys.stderr)
    return measured
