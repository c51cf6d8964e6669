import { isRecord } from "../../api/client";
import type { Told } from "../../api/events";
import type { AttemptTrace, ExecutionRecord, TaskTrace, Trace } from "../../api/types";
import { nodeOf } from "../../lib/status";

/**
 * The trace with what was told since it was asked for, so that nothing has to be asked again for every task. What was
 * told before may be among it: that changes nothing.
 */
export function withEvents(trace: Trace, events: readonly Told[]): Trace {
  const start = new Date(trace.run.started_at).getTime();
  const tasks = new Map(trace.tasks.map((task) => [task.task, task]));
  const items = new Map<string, Map<string, TaskTrace>>();
  for (const { kind, data } of events) {
    if (kind !== "task" || !isRecord(data) || typeof data.task !== "string") continue;
    const path = data.task;
    const node = nodeOf(path);
    const known = tasks.get(node) ?? blank(node, typeof data.agent === "string" ? data.agent : "");
    if (path === node) {
      tasks.set(node, patched(known, data, start));
      continue;
    }
    const ofNode = items.get(node) ?? new Map(known.items.map((item) => [item.task, item]));
    items.set(node, ofNode);
    ofNode.set(path, patched(ofNode.get(path) ?? blank(path, known.agent), data, start));
    if (known.status === "waiting" || known.status === "ready") tasks.set(node, { ...known, status: "running" });
    else tasks.set(node, known);
  }
  for (const [node, ofNode] of items) {
    const known = tasks.get(node);
    const inOrder = [...ofNode.values()].sort((one, other) => numberOf(one.task) - numberOf(other.task));
    if (known !== undefined) tasks.set(node, { ...known, items: inOrder });
  }
  return { ...trace, tasks: [...tasks.values()] };
}

function patched(task: TaskTrace, data: Record<string, unknown>, start: number): TaskTrace {
  if (isRecord(data.record)) return settled(task, data.record as unknown as ExecutionRecord, start);
  if (typeof data.attempt !== "number" || typeof data.at !== "string") return task;
  if (task.attempts.some(({ attempt, status }) => attempt === data.attempt && status !== "running")) return task;
  const begins = Math.max(0, new Date(data.at).getTime() - start);
  const attempt: AttemptTrace = {
    attempt: data.attempt, status: "running", start_ms: begins, duration_ms: 0, queued_ms: 0, error: null, retry_in_ms: null,
  };
  return { ...task, status: "running", start_ms: task.start_ms ?? begins, attempts: [...others(task, data.attempt), attempt] };
}

function settled(task: TaskTrace, record: ExecutionRecord, start: number): TaskTrace {
  if (!record.is_final && task.attempts.some(({ attempt }) => attempt > record.attempt)) return task;
  const ended = Math.max(0, new Date(record.ended_at).getTime() - start);
  const begins = record.started_at === null ? null : Math.max(0, new Date(record.started_at).getTime() - start);
  const attempt: AttemptTrace = {
    attempt: record.attempt, status: record.status, start_ms: begins ?? ended, duration_ms: record.duration_ms,
    queued_ms: record.queued_ms, error: record.error, retry_in_ms: record.retry_in_ms,
  };
  const first = task.start_ms ?? begins;
  return {
    ...task,
    agent: record.agent || task.agent,
    status: record.is_final ? record.status : "running",
    start_ms: first,
    duration_ms: first === null ? 0 : Math.max(0, ended - first),
    attempts: begins === null ? task.attempts : [...others(task, record.attempt), attempt],
    error: record.is_final ? record.error : task.error,
    skip_reason: record.skip_reason,
    blocked_by: record.blocked_by,
    reused_from: record.reused_from,
    is_edited: record.is_edited,
    settled_ms: record.is_final ? ended : null,
  };
}

function others(task: TaskTrace, attempt: number): AttemptTrace[] {
  return task.attempts.filter((one) => one.attempt !== attempt);
}

function numberOf(path: string): number {
  return Number(path.slice(path.lastIndexOf("[") + 1, -1));
}

function blank(task: string, agent: string): TaskTrace {
  return {
    task, node_id: nodeOf(task), agent, status: "waiting", start_ms: null, duration_ms: 0, queued_ms: 0, attempts: [], items: [],
    error: null, skip_reason: null, blocked_by: null, asked: [], reused_from: null, is_edited: false, was_cut_off: false,
    settled_ms: null,
  };
}
