import { useCallback, useEffect, useRef, useState } from "react";
import { apiPath } from "../../api/client";
import type { Call, CallList, Run, RunStatus, TaskStatus, Trace } from "../../api/types";
import { useGet } from "../../api/use";
import { dollars, NOTHING } from "../../lib/format";
import { altered, go } from "../../lib/router";
import { standingOf } from "./moment";

/** The run at a moment that is over. */
export interface Glance {
  at: number;
  status: RunStatus;
  counts: Partial<Record<TaskStatus, number>>;
  /** What had been spent by then; null until that is known. */
  cost: string | null;
}

const MOST_CALLS = 1000;
const WRITE_AFTER = 250;

/** The moment that is looked at, which stands in the address as well: in milliseconds after the start, null for now. */
export function useMoment(inAddress: string | null): [number | null, (at: number | null) => void] {
  const [at, setAt] = useState(() => read(inAddress));
  const written = useRef(inAddress);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => {
    if (inAddress === written.current) return;
    written.current = inAddress;
    setAt(read(inAddress));
  }, [inAddress]);
  useEffect(() => () => stop(timer.current), []);
  // The same one all the time: what plays through the run begins anew with another.
  const move = useCallback((to: number | null): void => {
    setAt(to);
    stop(timer.current);
    // Browsers refuse addresses that change at every step of a drag.
    timer.current = setTimeout(() => {
      const text = to === null ? null : String(Math.round(to * 10) / 10);
      if (text === written.current) return;
      written.current = text;
      go(altered({ at: text }), { replace: true });
    }, WRITE_AFTER);
  }, []);
  return [at, move];
}

/** How the run stood *at* milliseconds after its start. */
export function useGlance(run: Run | null, trace: Trace | null, at: number | null): Glance | null {
  const hasCalls = run !== null && run.spend.model_calls > 0;
  const calls = useGet<CallList>(at !== null && hasCalls ? apiPath(["runs", run.id, "calls"], { limit: MOST_CALLS }) : null);
  if (run === null || trace === null || at === null) return null;
  const counts: Partial<Record<TaskStatus, number>> = {};
  for (const task of trace.tasks) {
    for (const one of task.items.length > 0 ? task.items : [task]) {
      const { status } = standingOf(one, at);
      if (status !== null) counts[status] = (counts[status] ?? 0) + 1;
    }
  }
  const status = at >= trace.span_ms ? run.status : statusAt(trace, at, counts);
  return { at, status, counts, cost: !hasCalls ? NOTHING : calls.data === null ? null : costBy(calls.data.calls, run, at) };
}

/** What the calls of models had cost by then. */
export function costBy(calls: readonly Call[], run: Run, at: number): string {
  const until = new Date(run.started_at).getTime() + at;
  const over = calls.filter((call) => call.kind === "model" && call.run_id === run.id && new Date(call.started_at).getTime() + call.duration_ms <= until);
  if (over.length === 0) return NOTHING;
  const unpriced = over.filter((call) => call.cost_usd === null).length;
  const sum = over.reduce((total, call) => total + (call.cost_usd ?? 0), 0);
  return unpriced === over.length ? "not priced" : `${dollars(sum)}${unpriced > 0 ? " +" : ""}`;
}

function statusAt(trace: Trace, at: number, counts: Partial<Record<TaskStatus, number>>): RunStatus {
  const isPaused = trace.pauses.some((pause) => pause.start_ms <= at && at < pause.start_ms + pause.duration_ms);
  if (isPaused) return (counts.waiting_for_human ?? 0) > 0 ? "waiting" : "interrupted";
  return (counts.waiting_for_human ?? 0) > 0 && (counts.running ?? 0) === 0 ? "waiting" : "running";
}

function read(text: string | null): number | null {
  const at = text === null || text === "" ? NaN : Number(text);
  return Number.isFinite(at) && at >= 0 ? at : null;
}

function stop(timer: ReturnType<typeof setTimeout> | null): void {
  if (timer !== null) clearTimeout(timer);
}
