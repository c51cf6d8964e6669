import { lazy, Suspense, useEffect, useState } from "react";
import { apiPath } from "../../api/client";
import type { Run, TaskDetail } from "../../api/types";
import { useGet, useThrottled } from "../../api/use";
import { duration, plural, spent } from "../../lib/format";
import { nodeOf } from "../../lib/status";
import { Icon } from "../../parts/icon";
import { Damaged, Fault, Loading } from "../../parts/states";
import { Status } from "../../parts/status";
import { Tabs } from "../../parts/tabs";
import { useReadOnly } from "../../session_context";
import { isSettledBy, type Standing, taskIn } from "./moment";
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
}

/** Everything about one task, as it was at the moment that is looked at. */
export function TaskPanel({ run, task, tab, at, standing, live, choose }: PanelProps) {
  const detail = useGet<TaskDetail>(apiPath(["runs", run.id, "tasks", task]));
  const isReadOnly = useReadOnly();
  const [asked, setAsked] = useState<string | null>(tab);
  const reload = useThrottled(detail.reload, 400);
  const changes = live.changes.get(task) ?? 0;
  useEffect(() => {
    if (changes > 0) reload();
  }, [changes, reload]);
  const stamp = live.trace.data?.run.status;
  useEffect(() => detail.reload(), [stamp, detail.reload]);
  useEffect(() => setAsked(tab), [tab]);
  const trace = taskIn(live.now, task);
  const data = detail.data;
  const isThere = trace === null || isSettledBy(trace, at);
  const status = isThere ? (trace?.status ?? data?.timing.status ?? null) : trace.start_ms !== null && trace.start_ms <= (at ?? 0) ? "running" : "waiting";
  const known: TabId[] = ["talk", "input", "output", "attempts", "items", "why", "lineage"];
  const isEach = (data?.items.length ?? 0) > 0;
  const hasTalk = data?.attempts.some((attempt) => attempt.rounds.length > 0) ?? false;
  const isModel = hasTalk || (data?.timing.agent ?? trace?.agent ?? "").startsWith("llm://");
  const tabs = known.filter((id) => (id !== "items" || isEach) && (id !== "talk" || (isModel && !isEach)) && (id !== "attempts" || !isEach));
  const first: TabId = isEach ? "items" : data?.failure != null ? "attempts" : isModel ? "talk" : "output";
  const isForking = asked === "fork" && !isReadOnly;
  const chosen = tabs.find((id) => id === asked) ?? first;
  const titles: Record<TabId, { title: string; count?: number }> = {
    talk: { title: "Messages" },
    input: { title: "Input" },
    output: { title: "Output" },
    attempts: { title: "Attempts", count: (data?.attempts.length ?? 0) > 1 ? data?.attempts.length : undefined },
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
            {!isReadOnly && !isForking && (
              <button type="button" className="button small" onClick={() => setAsked("fork")}>
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
          {trace !== null && trace.start_ms !== null && <span>{duration(trace.duration_ms)}</span>}
          {data !== null && data.attempts.length > 1 && <span>{plural(data.attempts.length, "attempt")}</span>}
          {data !== null && data.spend.model_calls > 0 && (
            <span title="tokens in and out">{data.spend.input_tokens} → {data.spend.output_tokens} tokens, {spent(data.spend)}</span>
          )}
          {task !== nodeOf(task) && <button type="button" className="link" onClick={() => choose(nodeOf(task))}>all items of {nodeOf(task)}</button>}
        </p>
        {data !== null && data.executed_run !== run.id && (
          <p className="note">
            Its outcome was taken over from <a href={`#/runs/${data.executed_run}?task=${encodeURIComponent(data.executed_task)}`}>{data.executed_run}</a>
            {data.record?.is_edited && ", and edited"}.
          </p>
        )}
        {at !== null && !isThere && <p className="note">This is how it was {duration(at)} after the start of the run.</p>}
      </div>
      {detail.error !== null && <div className="panel-body"><Fault error={detail.error} retry={detail.reload} /></div>}
      {detail.isLoading && <div className="panel-body"><Loading what="Reading the task" /></div>}
      {data !== null && isForking && (
        <section className="panel-body fork-box" aria-label={`Fork at ${task}`}>
          <div className="row fork-head">
            <h3>Fork here</h3>
            <button type="button" className="button quiet" onClick={() => setAsked(null)}>
              Back to the task
            </button>
          </div>
          <Suspense fallback={<Loading />}>
            <ForkPanel run={run} detail={data} />
          </Suspense>
        </section>
      )}
      {data !== null && !isForking && (
        <Tabs label={`Parts of ${task}`} tabs={tabs.map((id) => ({ id, ...titles[id] }))} chosen={chosen} choose={(id) => setAsked(id)}>
          <div className="panel-body">
            <Damaged damage={data.damage} />
            {chosen === "talk" && <TalkPanel run={run} detail={data} at={at} tokens={live.tokens} />}
            {chosen === "input" && <InputPanel detail={data} />}
            {chosen === "output" && <OutputPanel detail={data} isThere={isThere} />}
            {chosen === "attempts" && <AttemptsPanel run={run} detail={data} at={at} choose={(one) => choose(one)} />}
            {chosen === "items" && <ItemsPanel detail={data} standing={at === null ? null : standing} choose={(one) => choose(one)} />}
            {chosen === "why" && <WhyPanel run={run} task={task} choose={(one) => choose(one)} />}
            {chosen === "lineage" && <LineagePanel run={run} detail={data} choose={(one) => choose(one)} />}
          </div>
        </Tabs>
      )}
    </div>
  );
}
