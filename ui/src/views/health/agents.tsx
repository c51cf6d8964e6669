import { useState } from "react";
import { apiPath } from "../../api/client";
import type { AgentList, HealthStatus } from "../../api/types";
import { useGet } from "../../api/use";
import { duration, plural } from "../../lib/format";
import type { Tone } from "../../lib/status";
import { Empty, Fault, Loading } from "../../parts/states";
import { Mark } from "../../parts/status";
import { useReadOnly } from "../../session_context";

const TONES: Record<HealthStatus, Tone> = { ok: "good", degraded: "warn", unreachable: "bad", unknown: "quiet" };

/** Whom a workflow talks to, and how they answer: asked only when somebody wants to know. */
export function Agents({ workflow }: { workflow: string }) {
  const [isChecked, setChecked] = useState(false);
  const list = useGet<AgentList>(apiPath(["agents"], { workflow, check: isChecked ? "true" : null }));
  const isReadOnly = useReadOnly();
  if (list.error !== null) return <Fault error={list.error} retry={list.reload} />;
  if (list.data === null) return <Loading what={isChecked ? "Asking them" : "Reading the workflow"} />;
  if (list.data.agents.length === 0) return <Empty title="It talks to nobody" />;
  return (
    <>
      {!isReadOnly && (
        <button type="button" className="button small" onClick={() => (isChecked ? list.reload() : setChecked(true))}>Ask how they are</button>
      )}
      <ul className="plain panel agent-list">
        {list.data.agents.map((entry) => (
          <li key={entry.agent}>
            <Mark tone={entry.health === null ? "quiet" : TONES[entry.health.status]} word={entry.health?.status ?? "not asked"} />
            <code>{entry.agent}</code>
            <span className="faint">{plural(new Set(entry.uses.map((use) => use.node)).size, "node")}</span>
            {entry.price !== "" && <span className="faint">{entry.price}</span>}
            {entry.keys.some((key) => !key.is_set) && <span className="tag warn">no key in {entry.keys.filter((key) => !key.is_set).flatMap((key) => key.variables).join(" or ")}</span>}
            {entry.health !== null && <span className="faint">{entry.health.detail}{entry.health.latency_ms !== null && `, ${duration(entry.health.latency_ms)}`}</span>}
          </li>
        ))}
      </ul>
    </>
  );
}
