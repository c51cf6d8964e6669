import type { GraphNode, Question, TaskStatus, TaskTrace, Trace } from "../../api/types";
import { nodeOf } from "../../lib/status";

/** A task at some moment of the run. */
export interface Standing {
  status: TaskStatus | null;
  attempts: number;
  durationMs: number;
  /** How many of its items stand where, for a foreach node. */
  items: Partial<Record<TaskStatus, number>>;
}

/** Where the tasks stood *at* milliseconds after the start; with null, where they stand now, and what is *asked* now. */
export function standings(trace: Trace | null, nodes: readonly GraphNode[], at: number | null, asked: readonly Question[] = []): Map<string, Standing> {
  const found = new Map<string, Standing>();
  for (const node of nodes) {
    found.set(node.id, { status: at === null ? node.status : "waiting", attempts: node.attempts, durationMs: node.duration_ms, items: node.items });
  }
  for (const task of trace?.tasks ?? []) {
    const items: Partial<Record<TaskStatus, number>> = {};
    for (const item of task.items) {
      const standing = standingOf(item, at);
      found.set(item.task, standing);
      if (standing.status !== null) items[standing.status] = (items[standing.status] ?? 0) + 1;
    }
    found.set(task.task, { ...standingOf(task, at), items: task.items.length > 0 ? items : (found.get(task.task)?.items ?? {}) });
  }
  for (const { task } of at === null ? asked : []) {
    // At a breakpoint before it a task has not begun.
    for (const path of new Set([task, nodeOf(task)])) {
      const known = found.get(path);
      if (known !== undefined && known.status === "waiting") found.set(path, { ...known, status: "waiting_for_human" });
    }
  }
  return found;
}

/** Where one task stood. */
export function standingOf(task: TaskTrace, at: number | null): Standing {
  const whole: Standing = { status: task.status, attempts: task.attempts.length, durationMs: task.duration_ms, items: {} };
  if (at === null) return whole;
  if (isSettledBy(task, at)) return whole;
  const start = task.items.length > 0 ? Math.min(...task.items.map((item) => item.start_ms ?? Infinity)) : task.start_ms;
  if (start === null || start > at) return { ...whole, status: "waiting", attempts: 0, durationMs: 0 };
  const isAsked = task.asked.some((pause) => pause.start_ms <= at && at < pause.start_ms + pause.duration_ms);
  return {
    status: isAsked ? "waiting_for_human" : "running",
    attempts: task.attempts.filter((attempt) => attempt.start_ms <= at).length,
    durationMs: at - start,
    items: {},
  };
}

/** Whether it had come to its end by then; what was taken over was there from the beginning. */
export function isSettledBy(task: TaskTrace, at: number | null): boolean {
  if (at === null) return true;
  const ends = [task.settled_ms, task.start_ms === null ? null : task.start_ms + task.duration_ms];
  const known = ends.filter((end): end is number => end !== null);
  return known.length === 0 ? true : Math.max(...known) <= at;
}

/** The task at *path* in a trace. */
export function taskIn(trace: Trace | null, path: string): TaskTrace | null {
  for (const task of trace?.tasks ?? []) {
    if (task.task === path) return task;
    const item = task.items.find((one) => one.task === path);
    if (item !== undefined) return item;
  }
  return null;
}
