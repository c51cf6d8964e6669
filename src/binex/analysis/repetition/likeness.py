"""Which samples of one task came out alike, and how what was recorded stands among them."""

from collections.abc import Sequence
from statistics import fmean
from typing import Final, NamedTuple

from binex.analysis.repetition.samples import Sample
from binex.analysis.repetition.similarity import Reading
from binex.models.base import Model
from binex.models.task import TaskStatus

_MOST_COMPARED: Final = 40
"""An output is compared with the first representatives alone, so that a thousand different ones take seconds."""
_PEERS: Final = 30
"""How many samples, spread evenly, a sample is compared with on the average."""
_LEAST: Final = 5
"""With fewer samples nothing can be said about what is unusual."""


class Group(Model):
    """Samples whose outputs are equal or nearly equal."""

    samples: tuple[str, ...]
    """The runs of the samples, in the order in which they began."""
    representative: str
    """The run of the first of those whose output is the most frequent one."""
    variants: int
    """How many different outputs there are among them; 1 where all are equal to the byte."""
    has_recorded: bool = False
    """Whether what was recorded belongs to it."""


class Standing(Model):
    """How what was recorded stands among the samples."""

    is_outlier: bool
    """Whether another execution would most probably have made something else."""
    similarity: float
    """The mean of its similarities to the samples."""
    threshold: float
    """The 5th percentile, by the nearest rank, of what that mean is for each sample and the others."""
    share: float
    """The share of the samples that are in its group; 0 where it is in none."""


class Likeness(NamedTuple):
    """What samples have in common."""

    groups: tuple[Group, ...]
    standing: Standing | None


def find_likeness(samples: Sequence[Sample], recorded: Sample | None) -> Likeness:
    """Group *samples*, all of which completed, and see how *recorded* stands among them.

    The different outputs are gone through, the most frequent ones first: each joins the first group whose
    representative it is equal to or nearly equal to (:meth:`Reading.is_near`), or begins a group of its own. So
    all of a group are like its representative, not necessarily like each other.

    What was recorded is an outlier where the mean of its similarities to the samples is below the 5th percentile of
    the samples' own means, unless more than half of the samples are in its group. Of fewer than five samples, or
    where nothing was recorded, nothing is said.
    """
    readings: dict[str, Reading] = {}
    for sample in (*samples, *(() if recorded is None else (recorded,))):
        if sample.sha256 not in readings:
            readings[sample.sha256] = Reading(dict(sample.outputs))
    groups = _find_groups(samples, recorded, readings)
    if recorded is None or recorded.status is not TaskStatus.COMPLETED or len(samples) < _LEAST:
        return Likeness(groups, None)
    share = sum(len(group.samples) for group in groups if group.has_recorded) / len(samples)
    return Likeness(groups, _find_standing(samples, recorded, readings, share))


def _find_groups(samples: Sequence[Sample], recorded: Sample | None, readings: dict[str, Reading]) -> tuple[Group, ...]:
    equal: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        equal.setdefault(sample.sha256, []).append(index)
    groups: dict[str, list[str]] = {}
    """The hashes in each group, by that of its representative."""
    for sha256 in sorted(equal, key=lambda one: (-len(equal[one]), equal[one][0])):
        leader = _leader_of(readings[sha256], groups, readings)
        groups.setdefault(leader or sha256, []).append(sha256)
    home = None
    if recorded is not None and recorded.status is TaskStatus.COMPLETED:
        home = next((leader for leader, members in groups.items() if recorded.sha256 in members), None)
        home = home or _leader_of(readings[recorded.sha256], groups, readings)
    found = []
    for leader, members in groups.items():
        indices = sorted(index for sha256 in members for index in equal[sha256])
        found.append(
            Group(
                samples=tuple(samples[index].run_id for index in indices),
                representative=samples[equal[leader][0]].run_id,
                variants=len(members),
                has_recorded=leader == home,
            )
        )
    return tuple(sorted(found, key=lambda group: -len(group.samples)))


def _leader_of(reading: Reading, groups: dict[str, list[str]], readings: dict[str, Reading]) -> str | None:
    compared = list(groups)[:_MOST_COMPARED]
    return next((leader for leader in compared if readings[leader].is_near(reading)), None)


def _find_standing(samples: Sequence[Sample], recorded: Sample, readings: dict[str, Reading], share: float) -> Standing:
    hashes = [sample.sha256 for sample in samples]
    count = min(_PEERS, len(hashes))
    peers = [index * len(hashes) // count for index in range(count)]
    known: dict[tuple[str, str], float] = {}

    def similarity(one: str, other: str) -> float:
        pair = (one, other) if one < other else (other, one)
        if pair not in known:
            known[pair] = 1.0 if one == other else readings[one].similarity(readings[other])
        return known[pair]

    def mean(sha256: str, without: int | None = None) -> float:
        return fmean(similarity(sha256, hashes[index]) for index in peers if index != without)

    own = sorted(mean(sha256, without=index) for index, sha256 in enumerate(hashes))
    threshold = own[-(-len(own) * 5 // 100) - 1]  # rounded up
    of_recorded = mean(recorded.sha256)
    return Standing(
        is_outlier=of_recorded < threshold and share <= 1 / 2,
        similarity=of_recorded,
        threshold=threshold,
        share=share,
    )
