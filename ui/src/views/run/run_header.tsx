import { useState } from "react";
import { ApiError, apiPath, send } from "../../api/client";
import type { Run } from "../../api/types";
import { duration, moment, spent } from "../../lib/format";
import { useNow } from "../../lib/now";
import { go, href } from "../../lib/router";
import { Copy } from "../../parts/copy";
import { Icon } from "../../parts/icon";
import { Fault } from "../../parts/states";
import { StatusOfRun } from "../../parts/status";
import { useReadOnly } from "../../session_context";

const RESUMABLE = ["interrupted", "waiting", "over_budget", "failed"];

interface HeaderProps {
  run: Run;
  reload: () => void;
  isLive: boolean;
}

/** What a run is, how it stands, and what can be done with it. */
export function RunHeader({ run, reload, isLive }: HeaderProps) {
  const [fault, setFault] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const isReadOnly = useReadOnly();
  const now = useNow(run.status === "running", 250);
  const took = run.status === "running" ? now - new Date(run.started_at).getTime() : run.duration_ms;
  async function act(what: "replay" | "resume" | "cancel"): Promise<void> {
    setBusy(true);
    setFault(null);
    const body = what === "resume" && run.status === "failed" ? { retry_failed: true } : {};
    try {
      const answer = await send<{ run?: string }>("POST", apiPath(["runs", run.id, what]), body);
      if (what === "replay" && typeof answer.run === "string") go(href(["runs", answer.run]));
      else reload();
    } catch (error) {
      setFault(error instanceof ApiError ? error : new ApiError(0, String(error)));
    } finally {
      setBusy(false);
    }
  }
  return (
    <header className="run-header">
      <div className="run-title">
        <h1>{run.workflow}</h1>
        <StatusOfRun status={run.status} />
        <span className="run-id">
          <code>{run.id}</code>
          <Copy text={run.id} label="Copy the run's id" />
        </span>
        {isLive && (
          <span className="live-note">
            <Icon name="live" size={14} /> live
          </span>
        )}
      </div>
      <dl className="run-figures">
        <div><dt>took</dt><dd>{duration(Math.max(0, took))}</dd></div>
        <div><dt>cost</dt><dd>{spent(run.spend)}</dd></div>
        <div><dt>started</dt><dd>{moment(run.started_at)}</dd></div>
        {run.origin !== null && (
          <div>
            <dt>{run.origin.mode} of</dt>
            <dd><a href={href(["runs", run.origin.parent])}><code>{run.origin.parent}</code></a></dd>
          </div>
        )}
      </dl>
      <div className="run-actions">
        {run.origin !== null && (
          <a className="button" href={href(["diff"], { run: [run.origin.parent, run.id] })}>
            <Icon name="compare" size={14} /> Diff with parent
          </a>
        )}
        {!isReadOnly && run.status === "running" && (
          <button type="button" className="button danger" disabled={isBusy} onClick={() => void act("cancel")}>
            <Icon name="stop" size={14} /> Cancel
          </button>
        )}
        {!isReadOnly && RESUMABLE.includes(run.status) && !run.is_imported && (
          <button type="button" className="button" disabled={isBusy} onClick={() => void act("resume")}>
            <Icon name="play" size={14} /> {run.status === "failed" ? "Try again what failed" : "Resume"}
          </button>
        )}
        {!isReadOnly && run.status !== "running" && (
          <button type="button" className="button" disabled={isBusy} onClick={() => void act("replay")} title="Execute it again from its own record, without asking anybody">
            <Icon name="again" size={14} /> Replay
          </button>
        )}
      </div>
      {fault !== null && <Fault error={fault} />}
    </header>
  );
}
