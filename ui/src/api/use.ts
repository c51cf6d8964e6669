import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError, get } from "./client";
import { AGAIN } from "./connection";

export interface Fetched<T> {
  data: T | null;
  error: ApiError | null;
  isLoading: boolean;
  /** Ask again, at once or as soon as the answer is there that is on its way; what is shown stays until then. */
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
  const asked = useRef<{ isAgain: boolean } | null>(null);
  const reload = useCallback(() => {
    // Whoever breaks off what is on its way whenever something happens never has an answer.
    if (asked.current !== null) asked.current.isAgain = true;
    else setTurn((before) => before + 1);
  }, []);
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    const here = { isAgain: false };
    asked.current = here;
    function end(): void {
      asked.current = null;
      if (here.isAgain) setTurn((before) => before + 1);
    }
    get<T>(path, stop.signal).then(
      (data) => {
        if (stop.signal.aborted) return;
        setKept({ path, data, error: null });
        end();
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        const said = error instanceof ApiError ? error : new ApiError(0, String(error));
        setKept((before) => ({ path, data: before.path === path && said.status === 0 ? before.data : null, error: said }));
        end();
      },
    );
    return () => {
      stop.abort();
      asked.current = null;
    };
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
