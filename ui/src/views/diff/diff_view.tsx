import "../../styles/diff.css";
import { useCallback, useEffect, useState } from "react";
import { apiPath } from "../../api/client";
import { useEvents } from "../../api/events";
import type { Cause, RunDiff, TaskDiff } from "../../api/types";
import { useGet, useThrottled } from "../../api/use";
import { count, duration, plural, spent, words } from "../../lib/format";
import { altered, go, href } from "../../lib/router";
import { isLive } from "../../lib/status";
import { TextDiffShown, ValueDiffShown } from "../../parts/diffs";
import { CameAs } from "../../parts/came_as";
import { Damaged, Empty, Fault, Loading } from "../../parts/states";
import { StatusOfRun } from "../../parts/status";
import { Time } from "../../parts/time";
import { firstOf } from "./causes";
import { MatrixShown } from "./matrix";
import { TaskDiffShown } from "./task_diff";

const PAGE = 50;

/** Two runs beside each other, and what made them different; or more than two, as a table. */
export default function DiffView({ query }: { query: URLSearchParams }) {
  const runs = query.getAll("run");
  const title = runs.length > 1 ? `Diff of ${runs.length === 2 ? runs.join(" and ") : `${runs.length} runs`} · Binex` : "Diff · Binex";
  useEffect(() => {
    document.title = title;
  }, [title]);
  const [before, after] = runs;
  if (runs.length > 2) return <MatrixShown key={runs.join(" ")} runs={runs} query={query} />;
  if (before === undefined || after === undefined) {
    return (
      <Empty title="Which runs?">
        <a href={href(["runs"])}>Choose two or more</a>
      </Empty>
    );
  }
  return <PairShown key={runs.join(" ")} before={before} after={after} isAll={query.has("all")} />;
}

function PairShown({ before, after, isAll }: { before: string; after: string; isAll: boolean }) {
  const diff = useGet<RunDiff>(apiPath(["diff"], { before, after }));
  const reload = useThrottled(diff.reload, 500);
  const isGoing = diff.data !== null && (isLive(diff.data.before.status) || isLive(diff.data.after.status));
  useEvents(null, isGoing, useCallback(({ kind }) => {
    if (kind === "run" || kind === "end" || kind === "question" || kind === "reset") reload();
  }, [reload]));
  if (diff.error !== null) return <div className="page"><Fault error={diff.error} retry={diff.reload} /></div>;
  if (diff.data === null) return <div className="page"><Loading what="Comparing" /></div>;
  const { data } = diff;
  const first = firstOf(data.causes);
  const more = [...data.variables, ...data.versions, ...(data.budget === null ? [] : [data.budget])];
  return (
    <div className="page diff-page">
      <div className="page-head">
        <h1>Diff</h1>
        <span className={data.is_equal ? "tag good" : "tag changed"}>{data.is_equal ? "the same came out" : "not the same"}</span>
        {isGoing && <span className="tag busy">still going on</span>}
        <a className="button small swap" href={href(["diff"], { run: [after, before] })}>Swap sides</a>
      </div>
      <div className="diff-runs">
        <RunCard title="before" diff={data} side="before" />
        <RunCard title="after" diff={data} side="after" />
      </div>
      <Damaged damage={data.damage} />
      <section className="section">
        <h2>{data.causes.length === 0 ? "Nothing made them different" : data.causes.length === 1 ? "What made them different" : `${data.causes.length} causes`}</h2>
        {data.causes.map((cause, index) => (
          <CauseShown key={index} cause={cause} isFirst={cause === first} />
        ))}
        {data.causes.length === 0 && <p className="faint">All tasks that both have came out the same.</p>}
      </section>
      {more.length > 0 && (
        <section className="section">
          <h2>The runs as a whole</h2>
          {more.map((one) => (
            <div key={one.name} className="diff-part">
              <h3><code>{one.name}</code>{one.side !== "both" && <span className="tag">only {one.side}</span>}</h3>
              <ValueDiffShown diff={one.value} />
            </div>
          ))}
        </section>
      )}
      {data.workflow !== null && (
        <details className="section diff-workflow">
          <summary>The workflow's text is another: {plural(data.workflow.deleted, "word")} taken out, {count(data.workflow.inserted)} put in</summary>
          <TextDiffShown diff={data.workflow} />
        </details>
      )}
      <TasksShown diff={data} first={first} isAll={isAll} />
    </div>
  );
}

function RunCard({ title, diff, side }: { title: string; diff: RunDiff; side: "before" | "after" }) {
  const run = diff[side];
  return (
    <article className="panel run-card">
      <p className="label">{title}</p>
      <p className="run-card-name">
        <a href={href(["runs", run.id])}>{run.workflow}</a> <code className="faint">{run.id}</code> <StatusOfRun status={run.status} /> <CameAs run={run} />
      </p>
      <p className="faint">{duration(run.duration_ms)} · {spent(run.spend)} · <Time at={run.started_at} /></p>
      {run.origin !== null && run.origin.changes.length > 0 && (
        <p className="faint">{run.origin.mode} with {run.origin.changes.slice(0, 4).map((change) => change.option || change.path.join(".")).join(", ")}</p>
      )}
    </article>
  );
}

function CauseShown({ cause, isFirst }: { cause: Cause; isFirst: boolean }) {
  return (
    <article className={`cause ${isFirst ? "first" : ""}`}>
      <p className="cause-title">
        {isFirst && <span className="tag first-cause">first cause</span>}
        <span className="strong">{cause.tasks.slice(0, 6).join(", ")}{cause.tasks.length > 6 && ` and ${cause.tasks.length - 6} more`}</span>
        <span>{cause.text}</span>
      </p>
      <p className="faint">
        <span className="tag">{words(cause.kind)}</span>
        {cause.parts.map((part) => <code key={part}>{part}</code>)}
        {cause.leads_to.length > 0 && <span>leads to {cause.leads_to.slice(0, 8).join(", ")}{cause.leads_to.length > 8 && ` and ${cause.leads_to.length - 8} more`}</span>}
        {cause.follows_from.length > 0 && <span>after {cause.follows_from.slice(0, 6).join(", ")}</span>}
      </p>
    </article>
  );
}

function TasksShown({ diff, first, isAll }: { diff: RunDiff; first: Cause | undefined; isAll: boolean }) {
  const setAll = (isOn: boolean): void => go(altered({ all: isOn ? "yes" : null }), { replace: true });
  const [most, setMost] = useState(PAGE);
  const isOther = (task: TaskDiff): boolean => task.state === "different" || task.state === "added" || task.state === "removed";
  const different = diff.tasks.filter(isOther);
  const shown = isAll ? diff.tasks : different;
  return (
    <section className="section">
      <div className="row">
        <h2>Tasks</h2>
        <div className="segments" role="group" aria-label="Which tasks">
          <button type="button" aria-pressed={!isAll} onClick={() => setAll(false)}>different {count(different.length)}</button>
          <button type="button" aria-pressed={isAll} onClick={() => setAll(true)}>all {count(diff.tasks.length)}</button>
        </div>
      </div>
      {shown.length === 0 && <p className="faint">Every task came out the same.</p>}
      {shown.slice(0, most).map((task) => (
        <TaskDiffShown key={`${task.before?.task} ${task.after?.task}`} diff={diff} task={task} isFirst={first?.tasks.includes(task.task) ?? false} />
      ))}
      {shown.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 4 * PAGE)}>Show more of {plural(shown.length, "task")}</button>
      )}
      {diff.is_cut && <p className="faint">Of some tasks the contents were not compared; open one to have it compared.</p>}
    </section>
  );
}
