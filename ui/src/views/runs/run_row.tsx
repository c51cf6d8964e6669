import type { Run, TextHit } from "../../api/types";
import { count, duration, NOTHING, plural, spent, visible } from "../../lib/format";
import { href } from "../../lib/router";
import { isTrace } from "../../lib/run";
import { isLive } from "../../lib/status";
import { CameAs } from "../../parts/came_as";
import { Icon } from "../../parts/icon";
import { StatusOfRun } from "../../parts/status";
import { Ago } from "../../parts/time";

interface RowProps {
  run: Run;
  now: number;
  hits: TextHit[];
  isChosen: boolean;
  choose: (isChosen: boolean) => void;
  isOpen: boolean;
  toggle: () => void;
}

/** One run, in a row of the table; a card where there is no room for a row. */
export function RunRow({ run, now, hits, isChosen, choose, isOpen, toggle }: RowProps) {
  const took = run.status === "running" ? now - new Date(run.started_at).getTime() : run.duration_ms;
  return (
    <tr className={isChosen ? "chosen" : ""}>
      <td className="cell-choose">
        <input type="checkbox" checked={isChosen} aria-label={`Choose ${run.id} to compare`} onChange={(event) => choose(event.target.checked)} />
      </td>
      <td className="cell-status">
        <StatusOfRun status={run.status} />
      </td>
      <td className="cell-name">
        <a className="run-name" href={href(["runs", run.id])}>
          {run.workflow}
        </a>
        <code className="faint">{run.id}</code>
        <CameAs run={run} />
        {hits.slice(0, 3).map((hit, index) => (
          <Hit key={index} hit={hit} />
        ))}
      </td>
      <td className="cell-tasks">{tasksOf(run)}</td>
      <td className="cell-took number" data-label="took">
        {isLive(run.status) && run.status !== "running" ? NOTHING : duration(Math.max(0, took))}
      </td>
      <td className="cell-cost number" data-label="cost">
        {spent(run.spend)}
      </td>
      <td className="cell-started">
        <Ago at={run.started_at} now={now} />
      </td>
      <td className="cell-origin">
        <button type="button" className="family-toggle" aria-expanded={isOpen} onClick={toggle} title="The runs that it is related to">
          <Icon name="fork" size={14} />
          {run.origin === null ? (isTrace(run) ? "another program" : "the start") : `${run.origin.mode} of ${run.origin.parent}`}
        </button>
      </td>
    </tr>
  );
}

function Hit({ hit }: { hit: TextHit }) {
  const [start, end] = hit.marks[0] ?? [0, 0];
  const marked = [...hit.excerpt];
  return (
    <a className="hit" href={href(["runs", hit.run_id], { task: hit.task, tab: hit.call === "" ? "output" : "talk" })}>
      <code>{hit.task}</code> {visible(marked.slice(0, start).join(""))}
      <mark>{visible(marked.slice(start, end).join(""))}</mark>
      {visible(marked.slice(end).join(""))}
    </a>
  );
}

function tasksOf(run: Run): string {
  const failed = (run.counts.failed ?? 0) + (run.counts.timed_out ?? 0);
  const all = Object.values(run.counts).reduce((sum, one) => sum + one, 0);
  if (run.status === "running") return `${count(all)} of ${plural(run.node_count, "node")}`;
  return failed > 0 ? `${plural(all, "task")}, ${count(failed)} failed` : plural(all, "task");
}
