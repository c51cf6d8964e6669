import { useState } from "react";
import { ApiError, apiPath, send } from "../../api/client";
import type { Run } from "../../api/types";
import { isTrace } from "../../lib/run";
import { go, href } from "../../lib/router";
import { Icon } from "../../parts/icon";
import { Fault } from "../../parts/states";
import { useReadOnly } from "../../session_context";
import { TrustNote } from "../trust/trust_note";
import { useTrust } from "../trust/use_trust";

const RESUMABLE = ["interrupted", "waiting", "over_budget", "failed"];

type Deed = "replay" | "resume" | "cancel";
const TITLES: Record<Deed, string> = { replay: "Replay it", resume: "Go on with it", cancel: "Cancel it" };

/** What can be done with a run as a whole. */
export function RunActions({ run, reload }: { run: Run; reload: () => void }) {
  const [fault, setFault] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [asked, setAsked] = useState<Deed | null>(null);
  const trust = useTrust(run);
  const isReadOnly = useReadOnly();
  const canExecute = !isReadOnly && !isTrace(run);

  async function act(what: Deed, isTrusted: boolean): Promise<void> {
    setBusy(true);
    setFault(null);
    setAsked(null);
    const body = {
      ...(what === "resume" && run.status === "failed" ? { retry_failed: true } : {}),
      ...(isTrusted && what !== "cancel" ? { trust: true } : {}),
    };
    try {
      const answer = await send<{ run?: string }>("POST", apiPath(["runs", run.id, what]), body);
      if (what === "replay" && typeof answer.run === "string") go(href(["runs", answer.run]));
      else reload();
    } catch (error) {
      const said = error instanceof ApiError ? error : new ApiError(0, String(error));
      if (said.kind === "trust") setAsked(what);
      else setFault(said);
    } finally {
      setBusy(false);
    }
  }
  function begin(what: Deed): void {
    if (trust.isNeeded && what !== "cancel") setAsked(what);
    else void act(what, trust.isTrusted);
  }

  return (
    <>
      <div className="run-actions">
        {run.origin !== null && (
          <a className="button" href={href(["diff"], { run: [run.origin.parent, run.id] })}>
            <Icon name="compare" size={14} /> Diff with parent
          </a>
        )}
        {canExecute && run.status === "running" && (
          <button type="button" className="button danger" disabled={isBusy} onClick={() => begin("cancel")}>
            <Icon name="stop" size={14} /> Cancel
          </button>
        )}
        {canExecute && RESUMABLE.includes(run.status) && (
          <button type="button" className="button" disabled={isBusy} onClick={() => begin("resume")}>
            <Icon name="play" size={14} /> {run.status === "failed" ? "Try again what failed" : "Resume"}
          </button>
        )}
        {canExecute && run.status !== "running" && (
          <button type="button" className="button" disabled={isBusy} onClick={() => begin("replay")} title="Execute it again from its own record, without asking anybody">
            <Icon name="again" size={14} /> Replay
          </button>
        )}
      </div>
      {asked !== null && (
        <div className="run-asks">
          <TrustNote run={run} trust={trust} what={TITLES[asked]} onTrusted={() => void act(asked, true)} onLeft={() => setAsked(null)} />
        </div>
      )}
      {fault !== null && <Fault error={fault} />}
    </>
  );
}
