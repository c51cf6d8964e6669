import { useEffect, useState } from "react";
import { apiPath, get } from "../../api/client";
import type { Cause, RunDiff } from "../../api/types";

/** The cause that follows from no other one. */
export function firstOf(causes: readonly Cause[]): Cause | undefined {
  return causes.find((cause) => cause.follows_from.length === 0) ?? causes[0];
}

/** What made each of the runs but the first different from it, as far as that is known yet; null where nothing did. */
export function useCauses(runs: readonly string[]): ReadonlyMap<string, Cause | null> {
  const [causes, setCauses] = useState<ReadonlyMap<string, Cause | null>>(new Map());
  const key = runs.join(" ");
  useEffect(() => {
    const stop = new AbortController();
    async function ask(): Promise<void> {
      const [first, ...others] = runs;
      for (const run of others) {
        const diff = await get<RunDiff>(apiPath(["diff"], { before: first, after: run }), stop.signal);
        setCauses((before) => new Map(before).set(run, firstOf(diff.causes) ?? null));
      }
    }
    ask().catch(() => undefined); // the table itself says what cannot be read
    return () => stop.abort();
  }, [key]);
  return causes;
}
