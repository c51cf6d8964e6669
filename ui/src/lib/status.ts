import type { RunStatus, TaskStatus } from "../api/types";

export type Tone = "good" | "bad" | "warn" | "busy" | "asks" | "quiet";
type AnyStatus = RunStatus | TaskStatus;

const TONES: Record<AnyStatus, Tone> = {
  completed: "good",
  failed: "bad",
  timed_out: "bad",
  cancelled: "warn",
  interrupted: "warn",
  over_budget: "warn",
  running: "busy",
  waiting_for_human: "asks",
  waiting: "quiet",
  ready: "quiet",
  skipped: "quiet",
};

/** The graver first, for what stands for several. */
export const GRAVEST_FIRST: readonly TaskStatus[] = [
  "failed", "timed_out", "cancelled", "waiting_for_human", "running", "ready", "waiting", "completed", "skipped",
];

export function toneOf(status: AnyStatus | null): Tone {
  return status === null ? "quiet" : TONES[status];
}

/** Of a run: one that waits, waits for a person. */
export function toneOfRun(status: RunStatus): Tone {
  return status === "waiting" ? "asks" : TONES[status];
}

export function wordOf(status: AnyStatus | null): string {
  if (status === null) return "not settled";
  if (status === "waiting_for_human") return "waits for a person";
  return status.replaceAll("_", " ");
}

export function isLive(status: RunStatus): boolean {
  return status === "running" || status === "waiting";
}

/** The node that a task belongs to: `search` for `search[3]`. */
export function nodeOf(task: string): string {
  return task.replace(/\[\d+\]$/, "");
}
