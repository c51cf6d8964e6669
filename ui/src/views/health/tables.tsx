import type { Figures, Series, StatsReport } from "../../api/types";
import { count, dollars, duration, NOTHING, plural } from "../../lib/format";
import { type Asked, countedIn, type Group, nameOf, valueOf } from "./asked";
import { addressOf } from "./choosers";
import { longMoment, percent, said } from "./labels";
import type { Stack } from "./stacking";

const MOST_ROWS = 200;

/** What is drawn, as a table: a row for each workflow, node or model, those with the most first. */
export function SeriesTable({ series, total, stack, asked }: { series: readonly Series[]; total: Figures; stack: Stack; asked: Asked }) {
  const colours = new Map(stack.drawn.map((one) => [one.name, one.colour]));
  const ordered = [...series].sort((one, other) => valueOf(other.figures, asked.figure) - valueOf(one.figures, asked.figure));
  return (
    <div className="scroll panel" tabIndex={0} role="region" aria-label="Figures">
      <table className="matrix health-table">
        <thead>
          <tr>
            <th scope="col">{asked.group}</th>
            {["cost", "share", "tokens", `${countedIn(asked.group)}s`, "succeeded", "p50", "p90", ...(asked.group === "node" ? ["retries"] : [])].map((title) => <th key={title} scope="col" className="number">{title}</th>)}
          </tr>
        </thead>
        <tbody>
          {ordered.slice(0, MOST_ROWS).map((one) => (
            <tr key={`${one.workflow} ${nameOf(one)}`}>
              <th scope="row">
                <span className="named">
                  <span className={`swatch series-${colours.get(nameOf(one)) ?? "none"}`} />
                  {asked.group === "workflow" ? <a href={addressOf({ ...asked, group: "node", workflow: one.workflow })}>{one.workflow}</a> : <span>{nameOf(one)}</span>}
                </span>
              </th>
              <Cells figures={one.figures} total={total} group={asked.group} />
            </tr>
          ))}
        </tbody>
        {series.length > 1 && (
          <tfoot>
            <tr>
              <th scope="row"><span className="named"><span className="swatch series-none" />together</span></th>
              <Cells figures={total} total={total} group={asked.group} />
            </tr>
          </tfoot>
        )}
      </table>
      {ordered.length > MOST_ROWS && <p className="faint more">and {count(ordered.length - MOST_ROWS)} more</p>}
    </div>
  );
}

function Cells({ figures, total, group }: { figures: Figures; total: Figures; group: Group }) {
  const { success, latency, cost_usd: cost, unpriced_calls: unpriced } = figures;
  return (
    <>
      <td className="number" title={unpriced > 0 ? `${plural(unpriced, "call")} without a known price` : undefined}>{dollars(cost)}{unpriced > 0 && " +"}</td>
      <td className="number">{total.cost_usd > 0 ? percent(cost / total.cost_usd) : NOTHING}</td>
      <td className="number">{count(figures.input_tokens + figures.output_tokens)}</td>
      <td className="number">{count(figures.count)}</td>
      <td className="number" title={success === null ? undefined : `probably ${percent(success.low)} to ${percent(success.high)}`}>{success === null ? NOTHING : percent(success.rate)}</td>
      <td className="number">{latency === null ? NOTHING : duration(latency.p50)}</td>
      <td className="number">{latency === null ? NOTHING : duration(latency.p90)}</td>
      {group === "node" && <td className="number">{figures.retries === null ? NOTHING : count(figures.retries)}</td>}
    </>
  );
}

/** The bars of the chart as a table: a row for each part of the time with anything in it, the newest first. */
export function TimeTable({ stack, report, asked }: { stack: Stack; report: StatsReport; asked: Asked }) {
  const rows = stack.starts.map((start, index) => ({ start, index })).filter(({ index }) => (stack.sums[index] ?? 0) > 0).reverse();
  if (rows.length === 0) return null;
  return (
    <details className="panel time-table">
      <summary>Every {report.by} in numbers</summary>
      <div className="scroll" tabIndex={0} role="region" aria-label={`Every ${report.by}`}>
        <table className="matrix health-table">
          <thead>
            <tr>
              <th scope="col">{report.by}</th>
              {stack.drawn.length > 1 && <th scope="col" className="number">together</th>}
              {stack.drawn.map((one) => <th key={one.name} scope="col" className="number">{one.name}</th>)}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MOST_ROWS).map(({ start, index }) => (
              <tr key={start}>
                <th scope="row">{longMoment(start, report.by)}</th>
                {stack.drawn.length > 1 && <td className="number strong">{said(stack.sums[index] ?? 0, asked.figure)}</td>}
                {stack.drawn.map((one) => <td key={one.name} className={one.values[index] ? "number" : "number faint"}>{said(one.values[index] ?? 0, asked.figure)}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length > MOST_ROWS && <p className="faint more">and {count(rows.length - MOST_ROWS)} earlier ones</p>}
      </div>
    </details>
  );
}
