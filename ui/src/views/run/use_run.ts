import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { apiPath, isRecord } from "../../api/client";
import { type Told, useEvents } from "../../api/events";
import type { RunDebug, RunGraph, Trace } from "../../api/types";
import { type Fetched, useGet, useThrottled } from "../../api/use";
import { isLive } from "../../lib/status";
import { withEvents } from "./live";
import { Tokens } from "./tokens";

export interface LiveRun {
  trace: Fetched<Trace>;
  /** The trace as it is now, with what was told since it was asked for. */
  now: Trace | null;
  graph: Fetched<RunGraph>;
  debug: Fetched<RunDebug>;
  tokens: Tokens;
  /** Grows whenever something was told of a task. */
  changes: ReadonlyMap<string, number>;
  isLive: boolean;
  reload: () => void;
}

const LARGE = 300;

/** A run, and all that happens in it while it is looked at. */
export function useRun(name: string): LiveRun {
  const trace = useGet<Trace>(apiPath(["runs", name, "trace"]));
  const graph = useGet<RunGraph>(apiPath(["runs", name, "graph"]));
  const debug = useGet<RunDebug>(trace.data === null && trace.error === null ? null : apiPath(["runs", name]));
  const tokens = useMemo(() => new Tokens(), []);
  const [told, setTold] = useState<readonly Told[]>([]);
  const [changes, setChanges] = useState<ReadonlyMap<string, number>>(new Map());
  const pending = useRef<Told[]>([]);
  const run = trace.data?.run ?? null;
  const isLarge = (run?.node_count ?? 0) > LARGE;
  const flush = useThrottled(() => {
    const fresh = pending.current;
    pending.current = [];
    setTold((before) => [...before, ...fresh]);
    setChanges((before) => {
      const after = new Map(before);
      for (const { data } of fresh) {
        if (isRecord(data) && typeof data.task === "string") after.set(data.task, (after.get(data.task) ?? 0) + 1);
      }
      return after;
    });
  }, isLarge ? 400 : 120);
  const reload = useCallback(() => {
    trace.reload();
    graph.reload();
    debug.reload();
  }, [trace.reload, graph.reload, debug.reload]);
  const reloadSoon = useThrottled(reload, isLarge ? 3000 : 500);
  useEffect(() => setTold([]), [trace.data]);
  const isGoing = run !== null && isLive(run.status);
  useEvents(run?.id ?? null, isGoing, useCallback((event: Told) => {
    const { kind, data } = event;
    if (!isRecord(data)) return;
    if (kind === "token") {
      tokens.add(String(data.task), Number(data.attempt), String(data.text));
    } else if (kind === "task" || kind === "call") {
      pending.current.push(event);
      flush();
      if (!isLarge) reloadSoon();
    } else {
      reloadSoon();
    }
  }, [tokens, flush, reloadSoon, isLarge]));
  const now = useMemo(() => (trace.data === null ? null : withEvents(trace.data, told)), [trace.data, told]);
  return { trace, now, graph, debug, tokens, changes, isLive: isGoing, reload };
}
