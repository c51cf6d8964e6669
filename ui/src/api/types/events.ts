// Written by scripts/write_types.py from the models; not by hand.

import type { Json } from "./json";
import type { ExecutionRecord, Question, Run, TaskFailure } from "./runs";

/** The bytes of one side of a call, kept as a chain of parts. */
export interface Body {
  last: string;
  size: number;
  media_type: string;
}

/** One exchange of an attempt with the outside. */
export interface Call {
  run_id: string;
  task: string;
  attempt: number;
  number: number;
  parent: number | null;
  kind: CallKind;
  target: string;
  asked: string;
  request: Body | null;
  request_headers: [string, string][];
  response: Body | null;
  response_headers: [string, string][];
  status: number | null;
  chunks: Chunk[];
  is_complete: boolean;
  started_at: string;
  duration_ms: number;
  usage: Usage | null;
  cost_usd: number | null;
  priced_by: string;
  error: string | null;
}

/** With whom an attempt spoke. */
export type CallKind = "model" | "http" | "a2a" | "tool" | "human" | "value";

/** An attempt has finished a call; it becomes durable within moments, at the latest with the task's record. */
export interface CallRecorded {
  call: Call;
}

export type Chunk = [number, number];

/** A foreach node knows its list. */
export interface FanOutStarted {
  run_id: string;
  task: string;
  item_count: number;
}

/** A task waits for a person; the question is durable. */
export interface QuestionAsked {
  question: Question;
}

/** A question was answered, or nobody will be heard any more. */
export interface QuestionSettled {
  question: Question;
}

/** A run ended; its final status is durable. */
export interface RunEnded {
  summary: RunSummary;
}

/** A run began, or was taken up again. */
export interface RunStarted {
  run: Run;
  node_count: number;
  reused: number;
}

/** How a run went: what `binex run --json` prints and `Session.run` returns. */
export interface RunSummary {
  run: Run;
  reused: number;
  recalled: number;
  unmet_faults: Record<string, number>;
  was_done: boolean;
  failures: TaskFailure[];
  questions: Question[];
  outputs: Record<string, Record<string, Json>>;
}

/** A model said something more; told as it comes in, and kept only as a part of its call. */
export interface Streamed {
  run_id: string;
  task: string;
  attempt: number;
  text: string;
}

/** An attempt failed and will be repeated after ``record.retry_in_ms``. */
export interface TaskRetrying {
  record: ExecutionRecord;
}

/** A task ended, and its record is durable. */
export interface TaskSettled {
  record: ExecutionRecord;
}

/** An attempt begins. */
export interface TaskStarted {
  run_id: string;
  task: string;
  agent: string;
  attempt: number;
  at: string;
}

/** Tokens of one call. None where the provider did not say. */
export interface Usage {
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  reasoning_tokens: number | null;
}
