import type { Run } from "../../api/types";
import { duration, spent } from "../../lib/format";
import { useNow } from "../../lib/now";
import { href } from "../../lib/router";
import { CameAs } from "../../parts/came_as";
import { Copy } from "../../parts/copy";
import { LiveNote } from "../../parts/live_note";
import { StatusOfRun } from "../../parts/status";
import { Time } from "../../parts/time";
import type { Glance } from "./glance";
import { RunActions } from "./run_actions";

interface HeaderProps {
  run: Run;
  reload: () => void;
  isLive: boolean;
  /** How it stood at the moment that is looked at; null for now. */
  glance: Glance | null;
}

/** What a run is, how it stands, and what can be done with it. */
export function RunHeader({ run, reload, isLive, glance }: HeaderProps) {
  const now = useNow(run.status === "running" && glance === null, 500);
  const took = run.status === "running" ? now - new Date(run.started_at).getTime() : run.duration_ms;
  return (
    <header className={`run-header ${glance === null ? "" : "past"}`}>
      <div className="run-title">
        <h1>{run.workflow}</h1>
        <StatusOfRun status={glance?.status ?? run.status} />
        <span className="run-id">
          <code>{run.id}</code>
          <Copy text={run.id} label="Copy the run's id" />
        </span>
        <CameAs run={run} />
        {glance !== null ? <span className="tag past">as it was after {duration(glance.at)}</span> : isLive && <LiveNote />}
      </div>
      <dl className="run-figures">
        <div><dt>took</dt><dd>{duration(Math.max(0, glance?.at ?? took))}</dd></div>
        <div><dt>cost</dt><dd>{glance === null ? spent(run.spend) : (glance.cost ?? "…")}</dd></div>
        <div><dt>started</dt><dd><Time at={run.started_at} /></dd></div>
        {run.origin !== null && (
          <div>
            <dt>{run.origin.mode} of</dt>
            <dd><a href={href(["runs", run.origin.parent])}><code>{run.origin.parent}</code></a></dd>
          </div>
        )}
      </dl>
      <RunActions run={run} reload={reload} />
    </header>
  );
}
