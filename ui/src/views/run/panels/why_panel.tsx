import { apiPath } from "../../../api/client";
import type { Part, Run, Why } from "../../../api/types";
import { useGet } from "../../../api/use";
import { beginning, visible, words } from "../../../lib/format";
import { href } from "../../../lib/router";
import { JsonTree } from "../../../parts/json_tree";
import { Fault, Loading } from "../../../parts/states";
import { Time } from "../../../parts/time";

const MOST = 60;
const VERDICTS: Record<string, string> = {
  executed: "It was executed.",
  reused: "Its outcome was taken over: all that it depends on is the same.",
  skipped: "It was skipped: its condition was false.",
  blocked: "It was skipped: a task that it needs failed.",
  left_out: "It was left out.",
  by_hand: "Somebody skipped it.",
  unknown: "It was executed; what it depends on is not known.",
  unusable: "It was executed: what was there of an earlier one could not be used.",
  joined: "Its items were put together.",
  unsettled: "It has not settled.",
};

/** Why the task ran or did not, beside the nearest earlier one. */
export function WhyPanel({ run, task, choose }: { run: Run; task: string; choose: (task: string) => void }) {
  const why = useGet<Why>(apiPath(["runs", run.id, "tasks", task, "why"]));
  if (why.error !== null) return <Fault error={why.error} retry={why.reload} />;
  if (why.data === null) return <Loading what="Looking for the nearest earlier task" />;
  const { verdict, nearest, parts, condition, blocked_by, reused_from, items } = why.data;
  const other = parts.filter((part) => part.state !== "same");
  const same = parts.filter((part) => part.state === "same");
  return (
    <div>
      <p className="verdict">{VERDICTS[verdict] ?? words(verdict)}</p>
      {blocked_by !== null && <p>Blocked by <button type="button" className="link" onClick={() => choose(blocked_by)}>{blocked_by}</button></p>}
      {reused_from !== null && <p>From run <a href={href(["runs", reused_from], { task })}><code>{reused_from}</code></a></p>}
      {condition !== null && (
        <>
          <pre tabIndex={0} aria-label="condition">{condition.text}</pre>
          <JsonTree value={condition.values} label="values in the condition" />
        </>
      )}
      {nearest !== null ? (
        <p>
          The nearest earlier task is <a href={href(["runs", nearest.run_id], { task: nearest.task })}>{nearest.task} of {nearest.run_id}</a>,{" "}
          <span className="faint"><Time at={nearest.ended_at} /></span>. {parts.length > 0 && (other.length === 0 ? "All that it depends on is the same." : "What is different:")}
        </p>
      ) : (
        <p className="faint">There is no earlier task to compare it with.</p>
      )}
      {other.slice(0, MOST).map((part) => <Different key={part.name} part={part} />)}
      {same.length > 0 && (
        <details>
          <summary>{same.length} parts are the same</summary>
          <p className="task-links">{same.slice(0, MOST).map((part) => <code key={part.name}>{part.name}</code>)}</p>
        </details>
      )}
      {items !== null && <JsonTree value={items as unknown as { [key: string]: never }} label="items" />}
    </div>
  );
}

function Different({ part }: { part: Part }) {
  return (
    <div className="given">
      <h3><code>{part.name}</code> <span className="tag changed">{part.state}</span></h3>
      {part.before !== null && <p className="json-change"><del>{visible(beginning(part.before, 600))}</del></p>}
      {part.after !== null && <p className="json-change"><ins>{visible(beginning(part.after, 600))}</ins></p>}
    </div>
  );
}
