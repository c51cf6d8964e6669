import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { go, href } from "../../lib/router";
import { useNow } from "../../lib/now";
import { useWide } from "../../lib/wide";
import { nodeOf } from "../../lib/status";
import { Fault, Loading } from "../../parts/states";
import { Tabs } from "../../parts/tabs";
import { GroupPanel } from "./group_panel";
import { standings } from "./moment";
import { Overview } from "./overview";
import { RunHeader } from "./run_header";
import { Scrubber } from "./scrubber";
import { TaskPanel } from "./task_panel";
import { Timeline } from "./timeline";
import { useRun } from "./use_run";

const GraphPane = lazy(() => import("./graph/graph_pane"));

type Pane = "graph" | "timeline" | "details";

/** One run: its graph and timeline, and everything about the task that is chosen in them. */
export default function RunView({ name, query }: { name: string; query: URLSearchParams }) {
  const live = useRun(name);
  const [at, setAt] = useState<number | null>(null);
  const isWide = useWide("64rem");
  const chosen = query.get("task");
  const group = query.get("group");
  const [pane, setPane] = useState<Pane>(chosen !== null || group !== null ? "details" : "graph");
  const tab = query.get("tab");
  const run = live.now?.run ?? live.debug.data?.run ?? null;
  const clock = useNow(run?.status === "running", 250);
  const span = useMemo(() => {
    if (live.now === null) return 0;
    const passed = run?.status === "running" ? clock - new Date(live.now.run.started_at).getTime() : 0;
    return Math.max(live.now.span_ms, passed);
  }, [live.now, run?.status, clock]);
  const nodes = live.graph.data?.nodes;
  const standing = useMemo(() => standings(live.now, nodes ?? [], at), [live.now, nodes, at]);
  useEffect(() => {
    if (chosen !== null || group !== null) setPane("details");
  }, [chosen, group]);
  useEffect(() => {
    document.title = `${run?.workflow ?? name} ${run?.id ?? ""} · Binex`;
  }, [run?.workflow, run?.id, name]);

  function choose(task: string | null, more: { group?: string; tab?: string } = {}): void {
    go(href(["runs", name], { task, group: more.group, tab: more.tab ?? (task !== null ? tab : null) }), { replace: chosen !== null || group !== null });
    if (!isWide) setPane("details");
  }

  const fault = live.trace.error ?? (live.graph.data === null ? live.graph.error : null);
  if (fault !== null && live.now === null) return <div className="page"><Fault error={fault} retry={live.reload} /></div>;
  if (run === null || live.now === null) return <div className="page"><Loading what="Reading the run" /></div>;

  const graph = live.graph.data === null ? (
    live.graph.error === null ? <Loading what="Reading the graph" /> : <Fault error={live.graph.error} retry={live.graph.reload} />
  ) : (
    <Suspense fallback={<Loading what="Drawing the graph" />}>
      <GraphPane
        graph={live.graph.data}
        standing={standing}
        chosen={chosen === null ? group : nodeOf(chosen)}
        choose={(node) => choose(node)}
        chooseGroup={(id) => choose(null, { group: id })}
      />
    </Suspense>
  );
  const timeline = <Timeline trace={live.now} span={span} at={at} setAt={setAt} chosen={chosen} choose={(task) => choose(task)} />;
  const details = chosen !== null ? (
    <TaskPanel key={chosen} run={run} task={chosen} tab={tab} at={at} standing={standing} live={live} choose={choose} />
  ) : group !== null && live.graph.data !== null ? (
    <GroupPanel graph={live.graph.data} group={group} standing={standing} choose={(task) => choose(task)} />
  ) : (
    <Overview live={live} choose={(task) => choose(task)} />
  );
  const scrubber = <Scrubber span={span} at={at} setAt={setAt} isRunning={run.status === "running"} />;
  if (isWide) {
    return (
      <div className="run-view">
        <RunHeader run={run} reload={live.reload} isLive={live.isLive} />
        <div className="run-body">
          <div className="run-left">
            <section className="run-graph" aria-label="Graph">{graph}</section>
            {scrubber}
            <section className="run-timeline" aria-label="Timeline">{timeline}</section>
          </div>
          <section className="run-details" aria-label="Details">{details}</section>
        </div>
      </div>
    );
  }
  return (
    <div className="run-view narrow">
      <RunHeader run={run} reload={live.reload} isLive={live.isLive} />
      {scrubber}
      <Tabs
        label="Parts of the run"
        className="pane-tabs"
        tabs={[{ id: "graph", title: "Graph" }, { id: "timeline", title: "Timeline" }, { id: "details", title: chosen === null ? "Overview" : "Task" }]}
        chosen={pane}
        choose={setPane}
      >
        {pane === "graph" && <div className="run-graph">{graph}</div>}
        {pane === "timeline" && <div className="run-timeline">{timeline}</div>}
        {pane === "details" && <div className="run-details">{details}</div>}
      </Tabs>
    </div>
  );
}
