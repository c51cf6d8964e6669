import { apiPath } from "../../api/client";
import type { RunDiff } from "../../api/types";
import { useGet } from "../../api/use";
import { Empty, Fault, Loading } from "../../parts/states";
import { TaskDiffShown } from "./task_diff";
import { firstOf } from "./causes";

/** One task of two of the runs that are compared. */
export function CellDiff({ before, after, task }: { before: string; after: string; task: string }) {
  const diff = useGet<RunDiff>(apiPath(["diff"], { before, after, task }));
  if (diff.error !== null) return <Fault error={diff.error} retry={diff.reload} />;
  if (diff.data === null) return <Loading what="Comparing" />;
  const found = diff.data.tasks.find((one) => one.task === task);
  return (
    <section className="section" aria-label={`${task} in ${before} and ${after}`}>
      <h2>
        <code>{task}</code> in <code>{before}</code> and <code>{after}</code>
      </h2>
      {found === undefined ? <Empty title="It came out the same" /> : <TaskDiffShown diff={diff.data} task={found} isFirst={firstOf(diff.data.causes)?.tasks.includes(task) ?? false} isOpened />}
    </section>
  );
}
