import "../../styles/health.css";
import { useCallback, useEffect } from "react";
import { useEvents } from "../../api/events";
import type { StatsReport } from "../../api/types";
import { useGet, useThrottled } from "../../api/use";
import { Fault, Loading } from "../../parts/states";
import { AgentsOfFolder } from "./agents_of_folder";
import { type Asked, readAsked, usePaths } from "./asked";
import { Choosers } from "./choosers";
import { Spending } from "./spending";

const PAUSE_MS = 3_000;

/** What was spent and how it went over time, by workflow, node and model; and how agents answer. */
export default function HealthView({ query }: { query: URLSearchParams }) {
  const wanted = readAsked(query);
  const { all: allPath } = usePaths(wanted);
  const all = useGet<StatsReport>(allPath);
  const asked: Asked = wanted.group === "node" && wanted.workflow === null ? { ...wanted, workflow: dearest(all.data) } : wanted;
  const onePath = usePaths(asked).one;
  const one = useGet<StatsReport>(onePath);
  const shown = onePath === null ? all : one;
  const error = all.error ?? one.error;
  const again = useCallback(() => {
    all.reload();
    one.reload();
  }, [all.reload, one.reload]);
  const reload = useThrottled(again, PAUSE_MS);
  useEvents(null, true, useCallback(({ kind }) => {
    if (kind === "end" || kind === "reset") reload();
  }, [reload]));
  useEffect(() => {
    document.title = "Cost and health · Binex";
  }, []);
  return (
    <div className="page">
      <div className="page-head">
        <h1>Cost and health</h1>
      </div>
      <Choosers asked={asked} workflows={all.data?.series.map((series) => series.workflow) ?? []} />
      {error !== null && <Fault error={error} retry={again} />}
      {error === null && shown.data === null && <Loading what="Counting" />}
      {error === null && shown.data !== null && <Spending report={shown.data} asked={asked} />}
      <section className="section">
        <h2>Agents</h2>
        <AgentsOfFolder />
      </section>
    </div>
  );
}

/** The workflow that cost the most, or else ran the most often: the one whose nodes are shown first. */
function dearest(report: StatsReport | null): string | null {
  const [first] = [...(report?.series ?? [])].sort(
    (one, other) => other.figures.cost_usd - one.figures.cost_usd || other.figures.count - one.figures.count,
  );
  return first?.workflow ?? null;
}
