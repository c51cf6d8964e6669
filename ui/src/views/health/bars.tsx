import type { Figures, StatsReport } from "../../api/types";
import { count, dollars, moment } from "../../lib/format";

export type Figure = "cost" | "runs" | "failed" | "tokens";
const COLOURS = 6;

/** A figure over time, a bar for each part of it, in which the workflows or nodes stand upon each other. */
export function BarsOverTime({ report, figure }: { report: StatsReport; figure: Figure }) {
  const nodes = report.series.filter((series) => series.node !== "");
  const whole = report.series.filter((series) => series.node === "");
  const drawn = (nodes.length > 0 && figure !== "runs" ? nodes : whole).slice(0, 30);
  const starts = [...new Set(drawn.flatMap((series) => series.buckets.map((bucket) => bucket.start)))].sort();
  const bars = starts.map((start) => ({
    start,
    parts: drawn.map((series, index) => ({ index, name: series.node || series.workflow, value: valueOf(series.buckets.find((bucket) => bucket.start === start)?.figures, figure) })).filter((part) => part.value > 0),
  }));
  const most = Math.max(...bars.map((bar) => bar.parts.reduce((sum, part) => sum + part.value, 0)), 0);
  return (
    <figure className="panel chart">
      {most === 0 ? (
        <p className="faint">{figure === "failed" ? "Nothing has failed." : figure === "cost" ? "Nothing was spent, as far as prices are known." : "There is nothing to draw."}</p>
      ) : (
        <div className="chart-bars" role="img" aria-label={`${figure} over time: at most ${said(most, figure)} in one ${report.by}`}>
          {bars.map((bar) => {
            const sum = bar.parts.reduce((total, part) => total + part.value, 0);
            return (
              <div key={bar.start} className="chart-bar" title={`${moment(bar.start)}: ${said(sum, figure)}`}>
                <div className="chart-stack" style={{ height: `${(sum / most) * 100}%` }}>
                  {bar.parts.map((part) => <span key={part.name} className={`colour-${part.index % COLOURS}`} style={{ flexGrow: part.value }} />)}
                </div>
              </div>
            );
          })}
        </div>
      )}
      <figcaption>
        <span className="faint">{report.since !== null && moment(report.since)}</span>
        <ul className="plain legend">
          {drawn.slice(0, 8).map((series, index) => <li key={`${series.workflow} ${series.node}`}><span className={`dot colour-${index % COLOURS}`} /> {series.node || series.workflow}</li>)}
          {drawn.length > 8 && <li className="faint">and {drawn.length - 8} more</li>}
        </ul>
        <span className="faint">{report.until !== null && moment(report.until)}</span>
      </figcaption>
    </figure>
  );
}

function valueOf(figures: Figures | undefined, figure: Figure): number {
  if (figures === undefined) return 0;
  if (figure === "cost") return figures.cost_usd;
  if (figure === "tokens") return figures.input_tokens + figures.output_tokens;
  if (figure === "failed") return figures.success === null ? 0 : figures.success.total - figures.success.passed;
  return figures.count;
}

function said(value: number, figure: Figure): string {
  return figure === "cost" ? dollars(value) : count(value);
}
