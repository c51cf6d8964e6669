import { apiPath } from "../../../api/client";
import type { TaskDetail } from "../../../api/types";
import { bytes } from "../../../lib/format";
import { Empty } from "../../../parts/states";
import { Value } from "../../../parts/value";

/** What the task has made. */
export function OutputPanel({ detail, isThere }: { detail: TaskDetail; isThere: boolean }) {
  if (!isThere) return <Empty title="At this moment it had made nothing yet" />;
  if (detail.outputs.length === 0) {
    const why: Partial<Record<string, string>> = { failed: "It failed.", timed_out: "Its time was up.", skipped: "It was skipped.", running: "It is being executed." };
    return <Empty title="It has made nothing">{why[detail.timing.status]}</Empty>;
  }
  return (
    <div className="givens">
      {detail.outputs.map(({ artifact, value, is_readable }) => (
        <section key={artifact.id} className="given">
          <h3>
            <code>{artifact.output}</code>
            <span className="faint">{bytes(artifact.size)}</span>
            {artifact.lineage.edited && <span className="tag warn">edited</span>}
            {artifact.taken_from !== null && <span className="tag">taken over</span>}
            <a className="download" href={apiPath(["artifacts", artifact.id, "content"])} download>
              Download
            </a>
          </h3>
          {is_readable ? <Value value={value} artifact={artifact.id} label={artifact.output} /> : <p className="faint">It can no longer be read.</p>}
        </section>
      ))}
    </div>
  );
}
