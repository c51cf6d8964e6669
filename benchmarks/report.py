"""Rows and verdicts: what was to be reached, what was measured, and the table that says so."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.harness import HERE, RESULTS, Command, Measured, figure

README = HERE / "README.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


@dataclass(frozen=True)
class Criterion:
    """One figure and the bound that it must keep."""

    says: str
    value: float | None
    """None: could not be measured."""
    bound: float
    unit: str
    at_least: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the bound is kept; None where nothing was measured."""
        if self.value is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def verdict(self) -> str:
        """One line: what was measured, the bound, and by how much it was missed."""
        sign = "≥" if self.at_least else "≤"
        bound = f"{sign} {self.bound:g} {self.unit}".rstrip()
        if self.value is None:
            return f"— {self.says}: not measured ({bound})"
        value = f"{figure(self.value)} {self.unit}".rstrip()
        if self.is_met:
            return f"✓ {self.says}: {value} ({bound})"
        ratio = self.bound / self.value if self.at_least else self.value / self.bound
        miss = f"{(ratio - 1) * 100:.0f} %" if ratio < 2 else f"{figure(ratio)} times"
        return f"✗ {self.says}: {value} ({bound}), **missed by {miss}**"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    work: str
    target: str
    ours: list[str]
    beside: list[str]
    criteria: list[Criterion]
    profile: Command | None = None
    """Our command, run once more under the profiler where a criterion is missed."""

    @property
    def is_missed(self) -> bool:
        """Whether something was measured that does not keep its bound."""
        return any(criterion.is_met is False for criterion in self.criteria)


@dataclass(frozen=True)
class Finished:
    """A row as it is kept in `results/`."""

    row: str
    date: str
    rounds: int
    machine: str
    versions: str
    table: str
    profile: str
    """Empty where every criterion is met."""
    raw: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Row, measured: Measured, about: dict[str, str], profile: str) -> "Finished":
        """*row* as text, with every sample that it rests on."""
        raw: dict[str, object] = {"samples": measured.samples, "faults": measured.faults}
        raw["criteria"] = [asdict(criterion) for criterion in row.criteria]
        rounds = max(map(len, measured.samples.values()), default=0)
        return cls(row=row.name, rounds=rounds, table=_line(row), profile=profile, raw=raw, **about)

    def save(self) -> None:
        """Write `results/NAME.json`."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        (RESULTS / f"{self.row}.json").write_text(text + "\n")

    @classmethod
    def load(cls, name: str) -> "Finished | None":
        """The latest result of the row *name* on this machine; None also where an older harness wrote it."""
        file = RESULTS / f"{name}.json"
        try:
            return cls(**json.loads(file.read_text()))
        except (FileNotFoundError, TypeError):
            return None


def ratio(ours: float | None, other: float | None) -> float | None:
    """How many times *other* is *ours*; None if either could not be measured."""
    return ours / other if ours is not None and other else None


def render(rows: Iterable[Finished]) -> str:
    """The table with the conditions it was measured under, and the profile of every miss."""
    known = list(rows)
    lines = ["| Work | Target | Binex | Beside it, same run | Verdict |", "|---|---|---|---|---|"]
    lines += [row.table for row in known]
    for conditions in dict.fromkeys((row.machine, row.versions) for row in known):
        lines += ["", "Medians (lowest to highest) on " + "; ".join(conditions) + ":", ""]
        here = [row for row in known if (row.machine, row.versions) == conditions]
        lines += [f"- {row.row} (rounds: {row.rounds}), {row.date}" for row in here]
    for row in known:
        if row.profile:
            lines += ["", f"### Where the time goes: {row.row}", "", "```text", row.profile, "```"]
    return "\n".join(lines)


def write_readme(text: str, readme: Path = README) -> None:
    """Put *text* between the markers of *readme*."""
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def _line(row: Row) -> str:
    cells = [[row.work], [row.target], row.ours, row.beside, [c.verdict() for c in row.criteria]]
    return "| " + " | ".join("<br>".join(filter(None, cell)) or "—" for cell in cells) + " |"
