import { useState } from "react";
import type { ItemShort, TaskDetail, TaskStatus } from "../../../api/types";
import { count, duration, plural } from "../../../lib/format";
import { GRAVEST_FIRST, wordOf } from "../../../lib/status";
import { Status } from "../../../parts/status";
import type { Standing } from "../moment";
import { CauseOfFailure } from "../overview";

const PAGE = 100;

interface ItemsProps {
  detail: TaskDetail;
  /** Where they stood at the moment that is looked at; null where that is the end. */
  standing: ReadonlyMap<string, Standing> | null;
  choose: (task: string) => void;
}

/** The items of a foreach node: those that failed alike together, then all of them. */
export function ItemsPanel({ detail, standing, choose }: ItemsProps) {
  const [most, setMost] = useState(PAGE);
  const [only, setOnly] = useState<TaskStatus | null>(null);
  const counts = new Map<TaskStatus, number>();
  const items: ItemShort[] = standing === null ? detail.items : detail.items.map((item) => at(item, standing.get(item.task)));
  for (const item of items) counts.set(item.status, (counts.get(item.status) ?? 0) + 1);
  const shown = only === null ? items : items.filter((item) => item.status === only);
  return (
    <div>
      {standing === null && detail.item_failures.map((group) => <CauseOfFailure key={group.cause} cause={group} choose={choose} />)}
      <div className="segments" role="group" aria-label="Which items">
        <button type="button" aria-pressed={only === null} onClick={() => setOnly(null)}>all {count(detail.items.length)}</button>
        {GRAVEST_FIRST.filter((status) => counts.has(status)).map((status) => (
          <button key={status} type="button" aria-pressed={only === status} onClick={() => setOnly(status)}>
            {wordOf(status)} {count(counts.get(status) ?? 0)}
          </button>
        ))}
      </div>
      <ul className="plain task-list">
        {shown.slice(0, most).map((item) => (
          <li key={item.task}>
            <button type="button" onClick={() => choose(item.task)}>
              <Status status={item.status} />
              <span className="task-list-name">{item.task}</span>
              <span className="faint">{item.reused_from !== null ? "taken over" : duration(item.duration_ms)}</span>
              {item.cause !== null && <span className="task-list-cause">{item.cause}</span>}
            </button>
          </li>
        ))}
      </ul>
      {shown.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 5 * PAGE)}>
          Show more of {plural(shown.length, "item")}
        </button>
      )}
    </div>
  );
}

function at(item: ItemShort, standing: Standing | undefined): ItemShort {
  if (standing === undefined) return item;
  const status = standing.status ?? item.status;
  return { ...item, status, duration_ms: standing.durationMs, cause: status === item.status ? item.cause : null };
}
