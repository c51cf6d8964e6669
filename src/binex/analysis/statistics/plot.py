"""How workflows or models do over time, as a picture.

Colours are those of M. Okabe and K. Ito, which people with any kind of colour vision can tell apart
(https://jfly.uni-koeln.de/color/); each line has a mark of its own besides.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from binex.analysis.statistics.report import Bucket, Series, StatsReport
from binex.errors import InputError, StoreError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KINDS: Final = (".png", ".svg")
_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKS: Final = ("o", "s", "^", "D", "v", "P", "X")
_BAD: Final = "#D55E00"
_GOOD: Final = "#0072B2"
_MOST_LINES: Final = len(_COLOURS)
_LONGEST_NAME: Final = 28
_FIX: Final = "pip install 'binex[plot]'"
Value = Callable[[Bucket], float | None]


def require_picture(file: Path) -> None:
    """Refuse early what no picture can be written into.

    Raises:
        InputError: the name ends otherwise than a picture's, its folder is not there, or what draws is not installed.
    """
    if file.suffix.lower() not in _KINDS:
        raise InputError(f"'{file}' is no picture that can be drawn", fix="give it a name that ends with .png or .svg")
    if not file.absolute().parent.is_dir():
        raise InputError(f"no folder {file.absolute().parent}", fix="make it first, or name another one")
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        raise InputError("drawing a picture needs matplotlib", fix=_FIX) from None


def write_plot(report: StatsReport, file: Path) -> None:
    """Draw success, latency and cost over time into *file*: of a workflow and its nodes, of all, or of models.

    Raises:
        InputError: there is nothing to draw.
        StoreError: the file cannot be written.
    """
    if not report.series:
        raise InputError("there is nothing to draw: " + ("no model was asked" if report.is_of_models else "no runs"))
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    # Texts stay texts in an SVG; names of agents and workflows are no formulas.
    with mpl.rc_context({"svg.fonttype": "none", "text.parse_math": False, "font.size": 10}):
        nodes = [series for series in report.series if series.node]
        figure = Figure(figsize=(10, 13.5 if nodes else 11), dpi=120, layout="constrained")
        _draw(figure, report, nodes)
        try:
            figure.savefig(file, metadata={"Date": None} if file.suffix.lower() == ".svg" else None)
        except OSError as error:
            raise StoreError(f"cannot write '{file}': {error.strerror}") from error


def _draw(figure: "Figure", report: StatsReport, nodes: Sequence[Series]) -> None:
    wholes = [series for series in report.series if not series.node]
    is_one = len(wholes) == 1
    one, many = ("call", "calls") if report.is_of_models else ("run", "runs")
    name = _name(wholes[0].name) if is_one else f"{len(wholes)} {'models' if report.is_of_models else 'workflows'}"
    figure.suptitle(f"{name}: {many} by {report.by}", fontsize=14, fontweight="bold")
    panels = figure.subplots(5 if nodes else 4, 1, sharex=True)
    if is_one:
        _draw_counts(panels[0], wholes[0], many)
        _draw_success(panels[1], wholes[:1], many, has_band=True)
        _draw_quantiles(panels[2], wholes[0], one)
    else:
        _draw_lines(panels[0], _largest(wholes, lambda one: one.figures.count), _count)
        panels[0].set(title=many.capitalize(), ylabel=many)
        _draw_success(panels[1], _largest(wholes, lambda one: one.figures.count), many, has_band=False)
        _draw_lines(panels[2], _largest(wholes, lambda one: one.figures.count), _median_s)
        panels[2].set(title="Median duration", ylabel="seconds")
    _draw_lines(panels[-1], _largest(wholes, lambda one: one.figures.cost_usd), _cost)
    panels[-1].set(title=f"Cost by {report.by}", ylabel="US dollars")
    if nodes:
        slow = _largest(nodes, lambda one: one.figures.latency.p90 if one.figures.latency else 0.0)
        _draw_lines(panels[3], slow, _p90_s)
        panels[3].set(title="Nodes: 90 % of the tasks took at most", ylabel="seconds")
    for panel in panels:
        panel.grid(visible=True, axis="y", alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
        if panel.get_title() != _SUCCESS:
            panel.set_ylim(bottom=0)
        if panel.get_legend_handles_labels()[1]:
            panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    _label_times(panels[-1], report)


_SUCCESS: Final = "Success"


def _draw_counts(panel: "Axes", series: Series, many: str) -> None:
    times = _times(series)
    rates = [bucket.figures.success for bucket in series.buckets]
    passed = [0 if rate is None else rate.passed for rate in rates]
    failed = [0 if rate is None else rate.total - rate.passed for rate in rates]
    other = [
        bucket.figures.count - good - bad for bucket, good, bad in zip(series.buckets, passed, failed, strict=True)
    ]
    width = 0.8 * _length_days(series)
    panel.bar(times, passed, width, label="completed", color=_GOOD)
    panel.bar(times, failed, width, bottom=passed, label="failed", color=_BAD, hatch="//", edgecolor="white")
    if any(other):
        below = [good + bad for good, bad in zip(passed, failed, strict=True)]
        panel.bar(times, other, width, bottom=below, label="not ended", color="#BBBBBB", hatch="..", edgecolor="white")
    panel.margins(y=0.08)
    panel.set(title=many.capitalize(), ylabel=many)


def _draw_success(panel: "Axes", series: Sequence[Series], many: str, *, has_band: bool) -> None:
    _draw_lines(panel, series, _success_percent, is_named=len(series) > 1, label="completed")
    if has_band:
        known = [bucket for bucket in series[0].buckets if bucket.figures.success is not None]
        bounds = [rate for bucket in known if (rate := bucket.figures.success) is not None]
        panel.fill_between(
            [_place(bucket.start) for bucket in known],
            [rate.low * 100 for rate in bounds],
            [rate.high * 100 for rate in bounds],
            alpha=0.2,
            color=_GOOD,
            label="95 % interval",
        )
    panel.set(title=_SUCCESS, ylabel=f"% of {many}", ylim=(-3, 103))


def _draw_quantiles(panel: "Axes", series: Series, one: str) -> None:
    values: dict[str, Value] = {"99 %": _p99_s, "90 %": _p90_s, "median": _median_s}
    for number, (label, value) in enumerate(values.items()):
        _draw_lines(panel, [series], value, is_named=False, label=label, first=number)
    panel.set(title=f"Duration of a {one}", ylabel="seconds")


def _draw_lines(
    panel: "Axes", series: Sequence[Series], value: Value, *, is_named: bool = True, label: str = "", first: int = 0
) -> None:
    for number, one in enumerate(series, first):
        values = [value(bucket) for bucket in one.buckets]
        panel.plot(
            _times(one),
            [float("nan") if known is None else known for known in values],
            color=_COLOURS[number],
            marker=_MARKS[number],
            markersize=4,
            linewidth=1.5,
            label=_name(one.name) if is_named else label,
        )


def _label_times(panel: "Axes", report: StatsReport) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    zone = datetime.now().astimezone().tzinfo
    locator = AutoDateLocator(tz=zone)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=zone))  # type: ignore[no-untyped-call]
    panel.set_xlabel(f"begin of the run ({datetime.now().astimezone().tzname()})")
    if report.since is not None and report.until is not None:
        since, until = _place(report.since), _place(report.until)
        panel.set_xlim(since - (until - since) * 0.02, until)


def _largest(series: Sequence[Series], by: Callable[[Series], float]) -> list[Series]:
    """As many as can be told apart."""
    return sorted(series, key=by, reverse=True)[:_MOST_LINES]


def _times(series: Series) -> list[float]:
    return [_place(bucket.start) for bucket in series.buckets]


def _place(moment: datetime) -> float:
    """Where a moment is on the axis: days since 1970, as Matplotlib counts them."""
    return moment.timestamp() / 86_400


def _length_days(series: Series) -> float:
    starts = [bucket.start for bucket in series.buckets]
    return (starts[1] - starts[0]).total_seconds() / 86_400 if len(starts) > 1 else 1 / 24


def _name(text: str) -> str:
    """A name of a workflow or a node, on one line and not longer than there is room for."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def _count(bucket: Bucket) -> float:
    return bucket.figures.count


def _cost(bucket: Bucket) -> float:
    return bucket.figures.cost_usd


def _success_percent(bucket: Bucket) -> float | None:
    return None if bucket.figures.success is None else bucket.figures.success.rate * 100


def _median_s(bucket: Bucket) -> float | None:
    return None if bucket.figures.latency is None else bucket.figures.latency.p50 / 1000


def _p90_s(bucket: Bucket) -> float | None:
    return None if bucket.figures.latency is None else bucket.figures.latency.p90 / 1000


def _p99_s(bucket: Bucket) -> float | None:
    return None if bucket.figures.latency is None else bucket.figures.latency.p99 / 1000
