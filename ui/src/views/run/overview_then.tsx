import type { TaskStatus, TaskTrace, Trace } from "../../api/types";
import { count, duration } from "../../lib/format";
import { GRAVEST_FIRST, toneOf, wordOf } from "../../lib/status";
import type { Glance } from "./glance";
import { standingOf } from "./moment";
import { TaskLinks } from "./overview";

const LISTED: { status: TaskStatus; title: string }[] = [
  { status: "waiting_for_human", title: "Waited for a person" },
  { status: "running", title: "Were being executed" },
  { status: "failed", title: "Had failed" },
  { status: "timed_out", title: "Had taken too long" },
];

/** The run as a whole at a moment that is over. */
export function OverviewThen({ trace, glance, choose }: { trace: Trace; glance: Glance; choose: (task: string) => void }) {
  const all = trace.tasks.flatMap((task) => (task.items.length > 0 ? task.items : [task]));
  const total = Object.values(glance.counts).reduce((sum, one) => sum + one, 0);
  const found = (status: TaskStatus): TaskTrace[] => all.filter((task) => standingOf(task, glance.at).status === status);
  return (
    <div className="panel-body" data-testid="then">
      <h2>Overview</h2>
      <p className="verdict">After {duration(glance.at)} of {duration(trace.span_ms)}</p>
      <div className="stacked" aria-hidden="true">
        {GRAVEST_FIRST.map((status) => (
          <span key={status} className={`bar ${toneOf(status)}`} style={{ flexGrow: glance.counts[status] ?? 0 }} hidden={!glance.counts[status]} />
        ))}
      </div>
      <ul className="plain legend" aria-label="Tasks by state">
        {GRAVEST_FIRST.filter((status) => (glance.counts[status] ?? 0) > 0).map((status) => (
          <li key={status}><span className={`dot ${toneOf(status)}`} /> {count(glance.counts[status] ?? 0)} {wordOf(status)}</li>
        ))}
      </ul>
      <p className="faint">{count(total)} tasks and items are known of; {glance.cost ?? "…"} had been spent.</p>
      {LISTED.map(({ status, title }) => {
        const tasks = found(status).map((task) => task.task);
        return tasks.length === 0 ? null : (
          <section key={status} className="section">
            <h2>{title}</h2>
            <TaskLinks tasks={tasks} choose={choose} />
          </section>
        );
      })}
    </div>
  );
}
