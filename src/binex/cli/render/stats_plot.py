"""How workflows do over time, drawn with characters."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from binex.analysis.statistics.report import Bucket, Series, StatsReport
from binex.cli.render.look import Look
from binex.cli.render.text import clip, escape
from binex.errors import InputError

_HEIGHT: Final = 12
_MOST_TICKS: Final = 6
_TICK_WIDTH: Final = 14
_MARKS: Final = ("*", "o", "x", "#", "+")
_COLOURS: Final = ("94", "92", "91", "95", "96")
"""What plotext's theme ``simple`` gives to one line after the other."""
_FRAME: Final = dict.fromkeys(map(ord, "┌┐└┘┤┬├┴┼"), "+") | {ord("─"): "-", ord("│"): "|"}
_SGR: Final = re.compile(r"\x1b\[[0-9;]*m")
Value = Callable[[Bucket], float | None]


def plot_lines(report: StatsReport, look: Look) -> str:
    """Success, duration and cost over time, a line for each workflow or model; those with the most runs or calls.

    Raises:
        InputError: what draws is not installed, or there is nothing to draw.
    """
    try:
        import plotext  # type: ignore[import-untyped]
    except ImportError:
        raise InputError("drawing in the terminal needs plotext", fix="pip install 'binex[plot]'") from None
    wholes = sorted((series for series in report.series if not series.node), key=lambda one: -one.figures.count)
    if not wholes:
        raise InputError("there is nothing to draw: " + ("no model was asked" if report.is_of_models else "no runs"))
    shown = wholes[: len(_MARKS)]
    one, many = ("call", "calls") if report.is_of_models else ("run", "runs")
    panels: tuple[tuple[str, Value, float | None], ...] = (
        (f"success, % of {many}", _success, 100.0),
        (f"median duration of a {one}, seconds", _median, None),
        (f"cost by {report.by}, US dollars", _cost, None),
    )
    drawn = [_panel(plotext, title, shown, value, look, most) for title, value, most in panels]
    names = [
        _coloured(mark, colour, look) + f" {clip(escape(series.name), 24, ellipsis=look.glyph('…', '~'))}"
        for mark, colour, series in zip(_MARKS, _COLOURS, shown, strict=False)
    ]
    left_out = f"  and {len(wholes) - len(shown)} more" if len(wholes) > len(shown) else ""
    return "\n".join([*drawn, "  ".join(names) + left_out])


def _panel(plotext: Any, title: str, shown: Sequence[Series], value: Value, look: Look, most: float | None) -> str:
    buckets = shown[0].buckets
    figure = plotext.figure
    figure.clear()
    figure.theme("simple")
    figure.plot_size(min(look.width, 120), _HEIGHT)
    figure.title(title)
    highest = 0.0
    for mark, series in zip(_MARKS, shown, strict=False):
        points = [(place, known) for place, bucket in enumerate(series.buckets) if (known := value(bucket)) is not None]
        if points:
            signal = figure.signal([at for at, _ in points], [known for _, known in points], marker=mark)
            signal.lines()
            figure.draw(signal)
            highest = max(highest, *(known for _, known in points))
    figure.ruler("y").lim(0, most or highest * 1.05 or 1)
    room = max(2, min(_MOST_TICKS, look.width // _TICK_WIDTH))
    step = max(1, -(-len(buckets) // room))
    places = list(range(0, len(buckets), step))
    figure.ruler("x").lim(-0.5, len(buckets) - 0.5)
    shape = "%H:%M" if buckets[-1].start - buckets[0].start < timedelta(days=1) else "%m-%d"
    figure.ruler("x").ticks(places, [buckets[at].start.astimezone().strftime(shape) for at in places])
    text: str = figure.build().string()
    if not look.has_colour:
        text = _SGR.sub("", text)
    if not look.has_unicode:
        text = text.translate(_FRAME)
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n"))


def _coloured(mark: str, colour: str, look: Look) -> str:
    return f"\x1b[{colour}m{mark}\x1b[0m" if look.has_colour else mark


def _success(bucket: Bucket) -> float | None:
    return None if bucket.figures.success is None else bucket.figures.success.rate * 100


def _median(bucket: Bucket) -> float | None:
    return None if bucket.figures.latency is None else bucket.figures.latency.p50 / 1000


def _cost(bucket: Bucket) -> float | None:
    return bucket.figures.cost_usd
