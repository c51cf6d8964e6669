import { useState } from "react";
import { apiPath } from "../../api/client";
import type { RunDiff, TaskDiff, TaskSide } from "../../api/types";
import { useGet } from "../../api/use";
import { duration, spent, words } from "../../lib/format";
import { href } from "../../lib/router";
import { ValueDiffShown } from "../../parts/diffs";
import { Fault, Loading } from "../../parts/states";
import { Status } from "../../parts/status";

interface TaskDiffProps {
  diff: RunDiff;
  task: TaskDiff;
  isFirst: boolean;
  isOpened?: boolean;
}

const STATES: Record<string, string> = { equal: "", unaffected: "", different: "changed", added: "added", removed: "removed" };

/** One task of the two runs: in short, and opened in full. */
export function TaskDiffShown({ diff, task, isFirst, isOpened = false }: TaskDiffProps) {
  const [isOpen, setOpen] = useState(isFirst || isOpened);
  return (
    <details className={`task-diff ${isFirst ? "first" : ""}`} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span className={`tag ${STATES[task.state] ?? ""}`}>{task.state}</span>
        <span className="strong">{task.task}</span>
        {task.before !== null && task.after !== null && task.before.task !== task.after.task && <span className="faint">was {task.before.task}</span>}
        <span className="faint">{task.aspects.map(words).join(", ")}</span>
        {isFirst && <span className="tag first-cause">first cause</span>}
      </summary>
      {isOpen && <Inside diff={diff} task={task} />}
    </details>
  );
}

function Inside({ diff, task }: { diff: RunDiff; task: TaskDiff }) {
  const isMissing = diff.is_cut && task.outputs.every((output) => output.value === null) && task.parts.every((part) => part.value === null);
  const whole = useGet<RunDiff>(isMissing ? apiPath(["diff"], { before: diff.before.id, after: diff.after.id, task: task.task }) : null);
  if (whole.error !== null) return <Fault error={whole.error} retry={whole.reload} />;
  if (whole.isLoading) return <Loading what="Comparing" />;
  const shown = whole.data?.tasks.find((one) => one.task === task.task) ?? task;
  return (
    <div className="task-diff-body">
      <div className="diff-sides">
        <SideShown title="before" side={shown.before} run={diff.before.id} />
        <SideShown title="after" side={shown.after} run={diff.after.id} />
      </div>
      {shown.follows_from.length > 0 && <p className="faint">Follows from {shown.follows_from.slice(0, 10).join(", ")}.</p>}
      {shown.parts.map((part) => (
        <div key={part.name} className="diff-part">
          <h3><code>{part.name}</code> {part.is_own ? <span className="tag changed">its own change</span> : <span className="tag">from before</span>}{part.side !== "both" && <span className="tag">only {part.side}</span>}</h3>
          {part.value === null ? <p className="faint">It is not known how.</p> : <ValueDiffShown diff={part.value} />}
        </div>
      ))}
      {shown.messages !== null && (
        <div className="diff-part">
          <h3>First messages to the model</h3>
          <ValueDiffShown diff={shown.messages} />
        </div>
      )}
      {shown.error !== null && (
        <div className="diff-part">
          <h3>Error</h3>
          <ValueDiffShown diff={shown.error} />
        </div>
      )}
      {shown.outputs.map((output) => (
        <div key={output.output} className="diff-part">
          <h3>Output <code>{output.output}</code>{output.side !== "both" && <span className="tag">only {output.side}</span>}</h3>
          {output.value === null ? <p className="faint">It was not compared.</p> : <ValueDiffShown diff={output.value} />}
        </div>
      ))}
    </div>
  );
}

function SideShown({ title, side, run }: { title: string; side: TaskSide | null; run: string }) {
  if (side === null) return <p className="faint">{title}: there is no such task</p>;
  return (
    <p className="side">
      <span className="label">{title}</span>
      <Status status={side.status} /> <a href={href(["runs", run], { task: side.task })}>{side.task}</a>{" "}
      <span className="faint">
        {side.reused_from !== null ? "taken over" : duration(side.duration_ms)}
        {side.attempts > 1 && `, ${side.attempts} attempts`}
        {side.spend !== null && side.spend.model_calls > 0 && `, ${spent(side.spend)}`}
        {side.is_edited && ", edited"}
      </span>
    </p>
  );
}
