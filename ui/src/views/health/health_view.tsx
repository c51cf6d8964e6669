import "../../styles/health.css";
import { useEffect, useState } from "react";
import { apiPath } from "../../api/client";
import type { Series, StatsReport, WorkflowFiles } from "../../api/types";
import { useGet } from "../../api/use";
import { count, dollars, duration, NOTHING } from "../../lib/format";
import { go, href } from "../../lib/router";
import { Empty, Fault, Loading } from "../../parts/states";
import { Agents } from "./agents";
import { BarsOverTime, type Figure } from "./bars";

const SPANS = ["hour", "day", "week"];

/** What runs cost and how they do over time, by workflow and node; and how agents answer. */
export default function HealthView({ query }: { query: URLSearchParams }) {
  const workflow = query.get("workflow");
  const by = query.get("by");
  const stats = useGet<StatsReport>(apiPath(["stats"], { workflow, by }));
  const [figure, setFigure] = useState<Figure>("cost");
  useEffect(() => {
    document.title = "Health · Binex";
  }, []);
  const ask = (changes: Record<string, string | null>): void => go(href(["health"], { workflow, by, ...changes }));
  return (
    <div className="page">
      <div className="page-head">
        <h1>{workflow === null ? "Cost and health" : workflow}</h1>
        {workflow !== null && <a href={href(["health"], { by })}>all workflows</a>}
        <label className="row">
          <span className="faint">by</span>
          <select value={by ?? ""} onChange={(event) => ask({ by: event.target.value })} aria-label="How long a part of the time is">
            <option value="">what fits</option>
            {SPANS.map((span) => <option key={span} value={span}>{span}</option>)}
          </select>
        </label>
      </div>
      {stats.error !== null && <Fault error={stats.error} retry={stats.reload} />}
      {stats.isLoading && <Loading what="Counting" />}
      {stats.data !== null && stats.data.series.length === 0 && <Empty title="Nothing has run in this time" />}
      {stats.data !== null && stats.data.series.length > 0 && (
        <>
          <div className="segments" role="group" aria-label="What is drawn">
            {(["cost", "runs", "failed", "tokens"] as const).map((one) => (
              <button key={one} type="button" aria-pressed={one === figure} onClick={() => setFigure(one)}>{one}</button>
            ))}
          </div>
          <BarsOverTime report={stats.data} figure={figure} />
          <div className="scroll panel" tabIndex={0} role="region" aria-label="Figures">
            <table className="matrix health-table">
              <thead>
                <tr>
                  <th scope="col">{workflow === null ? "workflow" : "workflow and nodes"}</th><th scope="col" className="number">count</th><th scope="col" className="number">succeeded</th>
                  <th scope="col" className="number">p50</th><th scope="col" className="number">p90</th><th scope="col" className="number">cost</th><th scope="col" className="number">tokens</th><th scope="col" className="number">retries</th>
                </tr>
              </thead>
              <tbody>
                {stats.data.series.slice(0, 200).map((series) => <Row key={`${series.workflow} ${series.node}`} series={series} by={by} isOne={workflow !== null} />)}
              </tbody>
            </table>
          </div>
        </>
      )}
      <section className="section">
        <h2>Agents</h2>
        <AgentsOfFolder />
      </section>
    </div>
  );
}

function Row({ series, by, isOne }: { series: Series; by: string | null; isOne: boolean }) {
  const { figures, node } = series;
  const { success, latency } = figures;
  return (
    <tr>
      <th scope="row">{node !== "" ? node : isOne ? "all runs" : <a href={href(["health"], { workflow: series.workflow, by })}>{series.workflow}</a>}</th>
      <td className="number">{count(figures.count)}</td>
      <td className="number" title={success === null ? undefined : `probably ${percent(success.low)} to ${percent(success.high)}`}>{success === null ? NOTHING : percent(success.rate)}</td>
      <td className="number">{latency === null ? NOTHING : duration(latency.p50)}</td>
      <td className="number">{latency === null ? NOTHING : duration(latency.p90)}</td>
      <td className="number">{dollars(figures.cost_usd)}{figures.unpriced_calls > 0 && " +"}</td>
      <td className="number">{count(figures.input_tokens + figures.output_tokens)}</td>
      <td className="number">{figures.retries === null ? NOTHING : count(figures.retries)}</td>
    </tr>
  );
}

function AgentsOfFolder() {
  const files = useGet<WorkflowFiles>("/api/workflows");
  const [chosen, setChosen] = useState<string | null>(null);
  if (files.error !== null) return <Fault error={files.error} retry={files.reload} />;
  if (files.data === null) return <Loading what="Reading the folder" />;
  const names = files.data.workflows.map((file) => file.name);
  if (names.length === 0) return <p className="faint">There is no workflow file in the folder {files.data.folder}, so it is not known whom to look at.</p>;
  const name = chosen ?? names[0] ?? "";
  return (
    <>
      <label className="row">
        <span className="faint">of</span>
        <select value={name} onChange={(event) => setChosen(event.target.value)} aria-label="Workflow file">
          {names.map((one) => <option key={one} value={one}>{one}</option>)}
        </select>
      </label>
      <Agents key={name} workflow={name} />
    </>
  );
}

function percent(rate: number): string {
  return `${Math.round(rate * 100)} %`;
}
