"""What was written of a run, and where."""

from binex.cli.render.text import escape, pretty_json
from binex.cli.render.units import count
from binex.cli.render.units import size as shown_size
from binex.models.run import Run
from binex.reports.formats import Written


def exported(run: Run, file: str, size: int, written: Written) -> str:
    """One line; *file* is ``-`` for stdout."""
    counts = dict(written.counts)
    others = counts.pop("runs", 1) - 1
    family = f", with {count(others, 'run')} that it was made from" if others else ""
    where = "stdout" if file == "-" else escape(file)
    parts = [count(number, what.removesuffix("s")) for what, number in counts.items() if number]
    return f"run {run.id} ({escape(run.workflow)}) is in {where}{family}: {', '.join([*parts, shown_size(size)])}"


def exported_json(run: Run, file: str, size: int, written: Written) -> str:
    """The same for programs."""
    answer = {"run": run.model_dump(mode="json"), "file": file, "size": size, **written.model_dump(mode="json")}
    return pretty_json(answer)
