import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError, get } from "./client";
import { AGAIN } from "./connection";

export interface Fetched<T> {
  data: T | null;
  error: ApiError | null;
  isLoading: boolean;
  /** Ask again; what is shown stays until the answer is there. */
  reload: () => void;
}

/** The answer to a GET of *path*; none is made while it is null. */
export function useGet<T>(path: string | null): Fetched<T> {
  const [kept, setKept] = useState<{ path: string | null; data: T | null; error: ApiError | null }>({
    path: null,
    data: null,
    error: null,
  });
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    get<T>(path, stop.signal).then(
      (data) => setKept({ path, data, error: null }),
      (error: unknown) => {
        if (stop.signal.aborted) return;
        const said = error instanceof ApiError ? error : new ApiError(0, String(error));
        setKept((before) => ({ path, data: before.path === path && said.status === 0 ? before.data : null, error: said }));
      },
    );
    return () => stop.abort();
  }, [path, turn]);
  const isCurrent = kept.path === path;
  const isLost = isCurrent && kept.error?.status === 0;
  useEffect(() => {
    if (!isLost) return;
    window.addEventListener(AGAIN, reload);
    return () => window.removeEventListener(AGAIN, reload);
  }, [isLost, reload]);
  return {
    data: isCurrent ? kept.data : null,
    error: isCurrent ? kept.error : null,
    isLoading: path !== null && !isCurrent,
    reload,
  };
}

const SOON = 50;

/** *act*, called soon after it is asked for, and at most once in *pause* milliseconds. */
export function useThrottled(act: () => void, pause: number): () => void {
  const latest = useRef(act);
  latest.current = act;
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const last = useRef(-Infinity);
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
      timer.current = null;
    },
    [],
  );
  return useCallback(() => {
    if (timer.current !== null) return;
    timer.current = setTimeout(() => {
      timer.current = null;
      last.current = performance.now();
      latest.current();
    }, Math.max(SOON, last.current + pause - performance.now()));
  }, [pause]);
}
