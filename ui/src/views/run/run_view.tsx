import { lazy, Suspense, useEffect, useMemo, useRef } from "react";
import { altered, go, href } from "../../lib/router";
import { useNow } from "../../lib/now";
import { useWide } from "../../lib/wide";
import { nodeOf } from "../../lib/status";
import { Fault, Loading } from "../../parts/states";
import { Tabs } from "../../parts/tabs";
import { useGlance, useMoment } from "./glance";
import { GroupPanel } from "./group_panel";
import { standings } from "./moment";
import { Overview } from "./overview";
import { OverviewThen } from "./overview_then";
import { RunHeader } from "./run_header";
import { Scrubber } from "./scrubber";
import { TaskPanel } from "./task_panel";
import { Timeline } from "./timeline";
import { useRun } from "./use_run";

// Asked for at once, so that it comes while the server reads the run.
const graphPane = import("./graph/graph_pane");
const GraphPane = lazy(() => graphPane);

const PANES = ["graph", "timeline", "details"] as const;

/** One run: its graph and timeline, and everything about the task that is chosen in them. */
export default function RunView({ name, query }: { name: string; query: URLSearchParams }) {
  const live = useRun(name);
  const [at, setAt] = useMoment(query.get("at"));
  const isWide = useWide("64rem");
  const chosen = query.get("task");
  const group = query.get("group");
  const tab = query.get("tab");
  const pane = PANES.find((one) => one === query.get("pane")) ?? (chosen !== null || group !== null ? "details" : "graph");
  const run = live.now?.run ?? live.debug.data?.run ?? null;
  const clock = useNow(run?.status === "running", live.isLarge ? 2000 : 500);
  const span = useMemo(() => {
    if (live.now === null) return 0;
    const passed = run?.status === "running" ? clock - new Date(live.now.run.started_at).getTime() : 0;
    return Math.max(live.now.span_ms, passed);
  }, [live.now, run?.status, clock]);
  const nodes = live.graph.data?.nodes;
  const asked = live.debug.data?.questions;
  const standing = useMemo(() => standings(live.now, nodes ?? [], at, asked ?? []), [live.now, nodes, at, asked]);
  const glance = useGlance(run, live.now, at);
  useEffect(() => {
    document.title = [chosen, run?.workflow, run?.id ?? name, "Binex"].filter((one) => one != null).join(" · ");
  }, [run?.workflow, run?.id, name, chosen]);

  const side = useRef<HTMLElement>(null);
  const before = useRef(chosen);
  useEffect(() => {
    // What had the focus is gone together with the task.
    if (before.current !== null && chosen === null && document.activeElement === document.body) side.current?.focus();
    before.current = chosen;
  }, [chosen]);

  function choose(task: string | null, more: { group?: string; tab?: string } = {}): void {
    const kept = task !== null && tab !== "fork" ? tab : null;
    go(href(["runs", name], { task, group: more.group, tab: more.tab ?? kept, at: query.get("at") }));
  }

  const fault = live.trace.error ?? (live.graph.data === null ? live.graph.error : null);
  if (fault !== null && live.now === null) return <div className="page"><h1>Run</h1><Fault error={fault} retry={live.reload} /><p><a href={href(["runs"])}>All runs</a></p></div>;
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
    <TaskPanel key={chosen} run={run} task={chosen} tab={tab} at={at} standing={standing} live={live} choose={choose} chooseTab={(id) => go(altered({ tab: id }), { replace: true })} />
  ) : group !== null && live.graph.data !== null ? (
    <GroupPanel graph={live.graph.data} group={group} standing={standing} choose={(task) => choose(task)} />
  ) : glance !== null ? (
    <OverviewThen trace={live.now} glance={glance} choose={(task) => choose(task)} />
  ) : (
    <Overview live={live} choose={(task) => choose(task)} />
  );
  const scrubber = <Scrubber span={span} at={at} setAt={setAt} isRunning={run.status === "running"} />;
  if (isWide) {
    return (
      <div className="run-view">
        <RunHeader run={run} reload={live.reload} isLive={live.isLive} glance={glance} />
        <div className="run-body">
          <div className="run-left">
            <section className="run-graph" aria-label="Graph">{graph}</section>
            {scrubber}
            <section className="run-timeline" aria-label="Timeline">{timeline}</section>
          </div>
          <section className="run-details" aria-label="Details" ref={side} tabIndex={-1}>{details}</section>
        </div>
      </div>
    );
  }
  return (
    <div className="run-view narrow">
      <RunHeader run={run} reload={live.reload} isLive={live.isLive} glance={glance} />
      {scrubber}
      <Tabs
        label="Parts of the run"
        className="pane-tabs"
        tabs={[{ id: "graph", title: "Graph" }, { id: "timeline", title: "Timeline" }, { id: "details", title: chosen !== null ? "Task" : group !== null ? "Group" : "Overview" }]}
        chosen={pane}
        choose={(id) => go(altered({ pane: id }), { replace: true })}
      >
        {pane === "graph" && <div className="run-graph">{graph}</div>}
        {pane === "timeline" && <div className="run-timeline">{timeline}</div>}
        {pane === "details" && <div className="run-details">{details}</div>}
      </Tabs>
    </div>
  );
}
