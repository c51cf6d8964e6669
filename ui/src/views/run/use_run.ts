import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { apiPath, isRecord } from "../../api/client";
import { type Told, useEvents } from "../../api/events";
import type { GroupedGraph, RunDebug, Trace } from "../../api/types";
import { type Fetched, useGet, useThrottled } from "../../api/use";
import { isLive } from "../../lib/status";
import { withEvents } from "./live";
import { Tokens } from "./tokens";

export interface LiveRun {
  trace: Fetched<Trace>;
  /** The trace as it is now, with what was told since it was asked for. */
  now: Trace | null;
  graph: Fetched<GroupedGraph>;
  debug: Fetched<RunDebug>;
  tokens: Tokens;
  /** Grows whenever something was told of a task. */
  changes: ReadonlyMap<string, number>;
  isLive: boolean;
  /** Whether it has so many tasks that drawing them takes time that the run itself may need. */
  isLarge: boolean;
  reload: () => void;
}

const LARGE = 300;
/** What was told so shortly before an answer came may not be in it. */
const RECENT_MS = 5000;

/** A run, and all that happens in it while it is looked at. */
export function useRun(name: string): LiveRun {
  const trace = useGet<Trace>(apiPath(["runs", name, "trace"]));
  const graph = useGet<GroupedGraph>(apiPath(["runs", name, "graph"]));
  // Asked for last: of a large run it takes long, and what is asked before it is drawn first.
  const isDrawn = graph.data !== null || graph.error !== null || trace.error !== null;
  const debug = useGet<RunDebug>(isDrawn ? apiPath(["runs", name]) : null);
  const tokens = useMemo(() => new Tokens(), []);
  const [kept, setKept] = useState<{ of: Trace | null; now: Trace | null }>({ of: null, now: null });
  const now = kept.of === trace.data ? kept.now : trace.data;
  const [changes, setChanges] = useState<ReadonlyMap<string, number>>(new Map());
  const pending = useRef<Told[]>([]);
  const recent = useRef<{ at: number; told: Told }[]>([]);
  const run = trace.data?.run ?? null;
  const isLarge = Math.max(run?.node_count ?? 0, tasksIn(now)) > LARGE;
  const flush = useThrottled(() => {
    const fresh = pending.current;
    pending.current = [];
    const since = performance.now() - RECENT_MS;
    recent.current = recent.current.filter(({ at }) => at >= since);
    setKept((before) => {
      const known = before.of === trace.data ? before.now : trace.data;
      return { of: trace.data, now: known === null ? null : withEvents(known, fresh) };
    });
    setChanges((before) => {
      const after = new Map(before);
      for (const { data } of fresh) {
        if (isRecord(data) && typeof data.task === "string") after.set(data.task, (after.get(data.task) ?? 0) + 1);
      }
      return after;
    });
  }, isLarge ? 1000 : 120);
  useEffect(() => {
    const asked = trace.data;
    if (asked === null) return;
    const since = performance.now() - RECENT_MS;
    const fresh = recent.current.filter(({ at, told: { data } }) => at >= since && isRecord(data) && data.run_id === asked.run.id);
    if (fresh.length > 0) setKept({ of: asked, now: withEvents(asked, fresh.map(({ told }) => told)) });
  }, [trace.data]);
  const reload = useCallback(() => {
    trace.reload();
    graph.reload();
    debug.reload();
  }, [trace.reload, graph.reload, debug.reload]);
  const reloadSoon = useThrottled(reload, isLarge ? 3000 : 500);
  const isGoing = run !== null && isLive(run.status);
  useEvents(run?.id ?? null, isGoing, useCallback((event: Told) => {
    const { kind, data } = event;
    if (!isRecord(data)) return;
    if (kind === "token") {
      tokens.add(String(data.task), Number(data.attempt), String(data.text));
    } else if (kind === "task" || kind === "call") {
      const call = isRecord(data.call) ? data.call : null;
      if (call?.kind === "model") tokens.end(String(call.task), Number(call.attempt), Number(call.number));
      pending.current.push(event);
      recent.current.push({ at: performance.now(), told: event });
      flush();
      if (!isLarge) reloadSoon();
    } else {
      reloadSoon();
    }
  }, [tokens, flush, reloadSoon, isLarge]));
  return { trace, now, graph, debug, tokens, changes, isLive: isGoing, isLarge, reload };
}

function tasksIn(trace: Trace | null): number {
  return trace === null ? 0 : trace.tasks.reduce((sum, task) => sum + 1 + task.items.length, 0);
}
