import { lazy, Suspense, useEffect, useRef } from "react";
import { apiPath } from "../../api/client";
import type { Run, TaskDetail, Trace } from "../../api/types";
import { useGet, useThrottled } from "../../api/use";
import { count, duration, NOTHING, plural, spent } from "../../lib/format";
import { nodeOf } from "../../lib/status";
import { Icon } from "../../parts/icon";
import { isTrace } from "../../lib/run";
import { Damaged, Empty, Fault, Loading } from "../../parts/states";
import { Status } from "../../parts/status";
import { Tabs } from "../../parts/tabs";
import { useReadOnly } from "../../session_context";
import { costBy } from "./glance";
import { isSettledBy, type Standing, standingOf, taskIn } from "./moment";
import { AttemptsPanel } from "./panels/attempts_panel";
import { InputPanel } from "./panels/input_panel";
import { ItemsPanel } from "./panels/items_panel";
import { LineagePanel } from "./panels/lineage_panel";
import { OutputPanel } from "./panels/output_panel";
import { TalkPanel } from "./panels/talk_panel";
import { WhyPanel } from "./panels/why_panel";
import type { LiveRun } from "./use_run";

const ForkPanel = lazy(() => import("../fork/fork_panel"));

type TabId = "talk" | "input" | "output" | "attempts" | "items" | "why" | "lineage";

interface PanelProps {
  run: Run;
  task: string;
  tab: string | null;
  at: number | null;
  standing: ReadonlyMap<string, Standing>;
  live: LiveRun;
  choose: (task: string | null, more?: { tab?: string }) => void;
  /** Shows another part of the task; null for the one that suits it. */
  chooseTab: (id: string | null) => void;
}

/** Everything about one task, as it was at the moment that is looked at. */
export function TaskPanel({ run, task, tab, at, standing, live, choose, chooseTab }: PanelProps) {
  const detail = useGet<TaskDetail>(apiPath(["runs", run.id, "tasks", task]));
  const isReadOnly = useReadOnly();
  const reload = useThrottled(detail.reload, 400);
  const stamp = `${live.changes.get(task) ?? 0} ${live.trace.data?.run.status}`;
  const answered = useRef(stamp);
  useEffect(() => {
    if (answered.current === stamp) return;
    answered.current = stamp;
    reload();
  }, [stamp, reload]);
  const trace = taskIn(live.now, task);
  const data = detail.data;
  const isBehind = trace?.status === "running" && (data?.timing.status === "waiting" || data?.timing.status === "ready");
  useEffect(() => {
    if (isBehind) reload(); // a start is told a moment before it can be read
  }, [isBehind, data, reload]);
  const isThere = trace === null || isSettledBy(trace, at);
  const standingNow = trace === null ? null : standingOf(trace, at);
  const status = (at === null ? standing.get(task)?.status : null) ?? standingNow?.status ?? data?.timing.status ?? null;
  const hasBegun = standingNow === null || isThere || standingNow.status === "running" || standingNow.status === "waiting_for_human";
  const isOwn = data?.executed_run === run.id;
  const known: TabId[] = ["talk", "input", "output", "attempts", "items", "why", "lineage"];
  const isEach = (data?.items.length ?? 0) > 0;
  const hasTalk = data !== null && (data.rounds_so_far.length > 0 || data.attempts.some((attempt) => attempt.rounds.length > 0));
  const isModel = hasTalk || (data?.timing.agent ?? trace?.agent ?? "").startsWith("llm://");
  const tabs = known.filter((id) => (id !== "items" || isEach) && (id !== "talk" || (isModel && !isEach)) && (id !== "attempts" || !isEach));
  const first: TabId = isEach ? "items" : data?.failure != null ? "attempts" : isModel ? "talk" : "output";
  const canFork = !isReadOnly && !isTrace(run);
  const isForking = tab === "fork" && canFork;
  const chosen = tabs.find((id) => id === tab) ?? first;
  const attempted = isOwn ? (standingNow?.attempts ?? 0) : (data?.attempts.length ?? 0);
  const titles: Record<TabId, { title: string; count?: number }> = {
    talk: { title: "Messages" },
    input: { title: "Input" },
    output: { title: "Output" },
    attempts: { title: "Attempts", count: attempted > 1 ? attempted : undefined },
    items: { title: "Items", count: data?.items.length },
    why: { title: "Why" },
    lineage: { title: "Lineage" },
  };
  return (
    <div className="task-panel">
      <div className="task-head">
        <div className="task-title">
          <h2>{task}</h2>
          <Status status={status} />
          <span className="task-tools">
            {canFork && !isForking && (
              <button type="button" className="button small" onClick={() => chooseTab("fork")}>
                <Icon name="fork" size={14} /> Fork here
              </button>
            )}
            <button type="button" className="icon-button" onClick={() => choose(null)} aria-label="Back to the whole run" title="Back to the whole run">
              <Icon name="cross" size={14} />
            </button>
          </span>
        </div>
        <p className="task-about faint">
          <code>{data?.timing.agent || trace?.agent || ""}</code>
          {trace !== null && trace.start_ms !== null && hasBegun && <span>{duration(standingNow?.durationMs ?? trace.duration_ms)}</span>}
          {standingNow !== null && standingNow.attempts > 1 && <span>{plural(standingNow.attempts, "attempt")}</span>}
          {data !== null && data.spend.model_calls > 0 && (isThere || !isOwn) && (
            <span title="tokens in and out">{count(data.spend.input_tokens)} → {count(data.spend.output_tokens)} tokens, {spent(data.spend)}</span>
          )}
          {data !== null && data.spend.model_calls > 0 && !isThere && isOwn && hasBegun && (
            <span>{spentBy(data, run, at ?? 0)}</span>
          )}
          {task !== nodeOf(task) && <button type="button" className="link" onClick={() => choose(nodeOf(task))}>all items of {nodeOf(task)}</button>}
        </p>
        {data !== null && data.executed_run !== run.id && (
          <p className="note">
            Its outcome was taken over from <a href={`#/runs/${data.executed_run}?task=${encodeURIComponent(data.executed_task)}`}>{data.executed_run}</a>
            {data.record?.is_edited && ", and edited"}.
          </p>
        )}
        {at !== null && <p className="note">This is how it was {duration(at)} after the start of the run.</p>}
      </div>
      {detail.error !== null && <div className="panel-body"><Fault error={detail.error} retry={detail.reload} /></div>}
      {detail.isLoading && <div className="panel-body"><Loading what="Reading the task" /></div>}
      {data !== null && isForking && (
        <section className="panel-body fork-box" aria-label={`Fork at ${task}`}>
          <div className="row fork-head">
            <h3>Fork here</h3>
            <button type="button" className="button quiet" onClick={() => chooseTab(null)}>
              Back to the task
            </button>
          </div>
          <Suspense fallback={<Loading />}>
            <ForkPanel run={run} detail={data} />
          </Suspense>
        </section>
      )}
      {data !== null && !isForking && (
        <Tabs label={`Parts of ${task}`} tabs={tabs.map((id) => ({ id, ...titles[id] }))} chosen={chosen} choose={(id) => chooseTab(id)}>
          <div className="panel-body">
            <Damaged damage={data.damage} />
            {chosen === "talk" && <TalkPanel run={run} detail={data} now={trace ?? data.timing} at={at} tokens={live.tokens} />}
            {chosen === "input" && (hasBegun ? <InputPanel detail={data} /> : <Empty title="At this moment it had been given nothing yet" />)}
            {chosen === "output" && <OutputPanel detail={data} isThere={isThere} />}
            {chosen === "attempts" && <AttemptsPanel run={run} detail={data} at={at} choose={(one) => choose(one)} />}
            {chosen === "items" && <ItemsPanel detail={data} standing={at === null ? null : standing} choose={(one) => choose(one)} />}
            {chosen === "why" && (isThere ? <WhyPanel run={run} task={task} choose={(one) => choose(one)} /> : <Empty title="At this moment it had not settled yet" />)}
            {chosen === "lineage" && (isThere ? <LineagePanel run={run} detail={data} isThen={(other) => isSettled(live.now, other, at)} choose={(one) => choose(one)} /> : <Empty title="At this moment it had made nothing yet" />)}
          </div>
        </Tabs>
      )}
    </div>
  );
}

function spentBy(data: TaskDetail, run: Run, at: number): string {
  const cost = costBy(data.attempts.flatMap((attempt) => attempt.calls.map((one) => one.call)), run, at);
  return cost === NOTHING ? "nothing spent yet" : `${cost} spent`;
}

/** Whether another task of the run had come to its end by then. */
function isSettled(trace: Trace | null, task: string, at: number | null): boolean {
  const found = at === null ? null : taskIn(trace, task);
  return found === null || isSettledBy(found, at);
}
