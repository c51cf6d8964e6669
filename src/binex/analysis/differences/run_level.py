"""What is different about two runs as a whole: variables, versions, the budget."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from binex.analysis.differences.contents import diff_values
from binex.analysis.differences.model import NamedDiff, Side, ValueDiff
from binex.models.json_value import is_same_json
from binex.models.run import Run, Versions


def variable_diffs(before: Run, after: Run) -> tuple[NamedDiff, ...]:
    """The variables with other values."""
    return tuple(_named(before.variables, after.variables))


def version_diffs(before: Run, after: Run) -> tuple[NamedDiff, ...]:
    """Other versions of what the runs were made with: ``binex``, ``adapter llm``, ``code local://steps.plan``."""
    return tuple(_named(_versions(before.versions), _versions(after.versions)))


def budget_diff(before: Run, after: Run) -> NamedDiff | None:
    """Another budget."""
    budgets = [{} if run.budget is None else {"budget": run.budget.model_dump(mode="json")} for run in (before, after)]
    return next(_named(*budgets), None)


def _versions(versions: Versions) -> dict[str, JsonValue]:
    named: dict[str, JsonValue] = {"binex": versions.binex, "python": versions.python}
    named |= {f"adapter {scheme}": version for scheme, version in versions.adapters.items()}
    named |= {f"code {uri}": code[:12] for uri, code in versions.handlers.items()}
    if versions.git_commit is not None:
        named["commit"] = versions.git_commit
    return named


def _named(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> Iterator[NamedDiff]:
    for name in {**before, **after}:
        if name not in after:
            yield NamedDiff(name=name, side=Side.BEFORE, value=ValueDiff(before=before[name]))
        elif name not in before:
            yield NamedDiff(name=name, side=Side.AFTER, value=ValueDiff(after=after[name]))
        elif not is_same_json(before[name], after[name]):
            yield NamedDiff(name=name, value=diff_values(before[name], after[name]))
