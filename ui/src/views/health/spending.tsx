import type { StatsReport } from "../../api/types";
import { plural } from "../../lib/format";
import { Empty } from "../../parts/states";
import { type Asked, countedIn, seriesOf, WINDOWS } from "./asked";
import { Chart } from "./chart";
import { addressOf, FigureChooser } from "./choosers";
import { said } from "./labels";
import { stackOf } from "./stacking";
import { SeriesTable, TimeTable } from "./tables";
import { Totals } from "./totals";

/** What was spent over time, and how it went: totals, a chart, and tables that say the same. */
export function Spending({ report, asked }: { report: StatsReport; asked: Asked }) {
  const { group, figure } = asked;
  const counted = countedIn(group);
  const series = seriesOf(report, group);
  if (series.length === 0) return <Nothing report={report} asked={asked} />;
  const stack = stackOf(series, figure);
  // Of the nodes of a workflow the whole is its runs: their number is not that of the tasks, but their cost is.
  const whole = group === "node" ? report.series.find((one) => one.node === "")?.figures ?? report.total : report.total;
  const sum = stack.sums.reduce((before, value) => before + value, 0);
  const what = figure === "cost" ? "What was spent" : figure === "count" ? `${counted}s` : figure === "failed" ? `Failed ${counted}s` : "Tokens";
  return (
    <>
      <Totals figures={whole} counted={group === "node" ? "run" : counted} asked={asked} />
      <figure className="panel chart">
        <figcaption className="row">
          <h2 className="grow">{what} by {report.by}</h2>
          <FigureChooser asked={asked} counted={counted} />
        </figcaption>
        {sum === 0 ? (
          <p className="chart-empty faint">{figure === "failed" ? "Nothing has failed." : figure === "cost" ? "Nothing was spent, as far as prices are known." : "There is nothing to draw."}</p>
        ) : (
          <Chart stack={stack} by={report.by} figure={figure} title={`${what} by ${report.by}: ${said(sum, figure)} together, at most ${said(Math.max(...stack.sums), figure)} in one ${report.by}`} />
        )}
        <ul className="plain legend">
          {stack.drawn.map((one) => <li key={one.name}><span className={`swatch series-${one.colour}`} />{one.name}</li>)}
        </ul>
      </figure>
      <SeriesTable series={series} total={whole} stack={stack} asked={asked} />
      <TimeTable stack={stack} report={report} asked={asked} />
      <p className="faint">By when runs began. Forks count with what they executed themselves; replays do not, as they cost nothing.</p>
    </>
  );
}

function Nothing({ report, asked }: { report: StatsReport; asked: Asked }) {
  const time = WINDOWS.find((one) => one.days === asked.days);
  const where = asked.days === 0 ? "here yet" : `in the last ${time?.title ?? plural(asked.days, "day")}`;
  const what = report.since === null ? "Nothing has run" : asked.group === "model" ? "No model was asked" : "No node was executed";
  return (
    <div className="panel">
      <Empty title={`${what} ${where}`}>
        {asked.days !== 0 && <a href={addressOf({ ...asked, days: 0 })}>Look at all time</a>}
      </Empty>
    </div>
  );
}
