import type { Run } from "../api/types";

/** Whether it is the trace of another program: nothing of it can be executed. */
export function isTrace(run: Run): boolean {
  return run.is_imported && run.versions.python === "";
}

/** Where it comes from, where that is not here. */
export function cameAs(run: Run): { word: string; title: string } | null {
  if (!run.is_imported) return null;
  if (isTrace(run)) return { word: "trace", title: "The trace of another program: it can be looked at, and not executed" };
  return { word: "imported", title: "It was imported: it executes programs of this machine only after somebody has said that they trust it" };
}
