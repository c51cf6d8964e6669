"""How workflows, nodes and models do over time, as a table."""

from binex.analysis.statistics.report import Bucket, Figures, Series, StatsReport
from binex.cli.render.look import Look
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.units import duration
from binex.models.money import dollars

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_BARS = "_.-=*#%@"
_MOST_BARS = 24
_DASH = "\u2013"
_COLUMNS = (
    Column("WHAT", least=8),
    Column("COUNT", is_right=True),
    Column("OK", is_right=True),
    Column("95 %", is_right=True, weight=4),
    Column("P50", is_right=True),
    Column("P90", is_right=True, weight=3),
    Column("P99", is_right=True, weight=6),
    Column("COST", is_right=True, weight=2),
    Column("EACH", is_right=True, weight=7),
    Column("RETRIES", is_right=True, weight=5),
    Column("TOKENS", is_right=True, weight=8),
    Column("P50 OVER TIME", weight=1),
    Column("TREND", weight=9),
)


def stats_table(report: StatsReport, look: Look) -> str:
    """A line for each workflow, for one and each of its nodes, or for each model."""
    if report.since is None or report.until is None:
        return "no runs"
    if not report.series:
        return "no model was asked"
    text = table(_COLUMNS, [_row(series, look) for series in report.series], look)
    since, until = (moment.astimezone().strftime("%Y-%m-%d %H:%M") for moment in (report.since, report.until))
    parts = len(report.series[0].buckets)
    span = f"{parts} {report.by}{'' if parts == 1 else 's'} from {since} to {until}"
    if sum(not series.node for series in report.series) > 1:
        span += f"; together {_cost(report.total)}"
    span += f"; {'replays' if report.has_forks else 'forks and replays'} left out"
    return f"{text}\n{look.paint(span, 'faint')}"


def sparkline(values: list[float | None], look: Look) -> str:
    """A bar for each value, from the smallest to the largest; a blank where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    bars = look.glyph(_BARS, _PLAIN_BARS)
    least, most = min(known), max(known)
    scale = (len(bars) - 1) / (most - least) if most > least else 0.0
    return "".join(" " if value is None else bars[round((value - least) * scale)] for value in values)


def _row(series: Series, look: Look) -> list[Cell]:
    figures = series.figures
    rate = figures.success
    is_bad = rate is not None and rate.passed < rate.total
    return [
        Cell(f"  {series.node}" if series.node else series.name, "plain" if series.node else "strong"),
        Cell(f"{figures.count:,}"),
        Cell("" if rate is None else percent(rate.rate), "warn" if is_bad else "good"),
        Cell("" if rate is None else f"{percent(rate.low)}{look.glyph(_DASH, '-')}{percent(rate.high)}", "faint"),
        *(Cell(text) for text in _latency(figures)),
        Cell(_cost(figures)),
        Cell(dollars(figures.cost_usd / figures.count) if figures.count else ""),
        Cell(f"{figures.retries:,}" if figures.retries else "", "warn"),
        Cell(_tokens(figures)),
        Cell(sparkline([_median(bucket) for bucket in _thinned(series.buckets)], look), "busy"),
        Cell(_trend(series)),
    ]


def percent(share: float) -> str:
    """``97.2%``; never 100 % or 0 % where that is not exactly so."""
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    return f"{min(max(share * 100, 0.1), 99.9):.1f}%"


def _cost(figures: Figures) -> str:
    return dollars(figures.cost_usd) + ("+" if figures.unpriced_calls else "")


def _latency(figures: Figures) -> tuple[str, str, str]:
    if figures.latency is None:
        return "", "", ""
    return duration(figures.latency.p50), duration(figures.latency.p90), duration(figures.latency.p99)


def _tokens(figures: Figures) -> str:
    total = figures.input_tokens + figures.output_tokens
    if not total:
        return ""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if total >= size * 10:
            return f"{total / size:,.0f}{unit}"
    return f"{total:,}"


def _median(bucket: Bucket) -> float | None:
    return None if bucket.figures.latency is None else bucket.figures.latency.p50


def _thinned(buckets: tuple[Bucket, ...]) -> tuple[Bucket, ...]:
    """The newest ones, as many as there is room for."""
    return buckets[-_MOST_BARS:]


def _trend(series: Series) -> str:
    trend = series.trend
    said = []
    if trend.is_success_clear and trend.success is not None:
        said.append(f"success {trend.success:+.1%}")
    if trend.latency is not None and abs(trend.latency) >= 0.1:
        said.append(f"p50 {trend.latency:+.0%}")
    return ", ".join(said)
