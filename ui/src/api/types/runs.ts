// Written by scripts/write_types.py from the models; not by hand.

import type { Json } from "./json";

/** What somebody said. */
export interface Answer {
  value: Json;
  feedback: string | null;
  by: string;
  at: string;
}

/** One try at a task. Times are in milliseconds; starts count from the start of the run. */
export interface AttemptTrace {
  attempt: number;
  status: TaskStatus;
  start_ms: number;
  duration_ms: number;
  queued_ms: number;
  error: ErrorInfo | null;
  retry_in_ms: number | null;
}

/** What may be spent. */
export interface Budget {
  max_cost: number;
  currency: "USD";
  policy: BudgetPolicy;
}

/** What happens where a budget does not allow the next call. */
export type BudgetPolicy = "stop" | "warn" | "ask";

/** What is changed. */
export type ChangeKind = "field" | "variable" | "artifact" | "fault" | "workflow";

/** Something of a run that is missing, or is not what was recorded. */
export interface Damage {
  where: string;
  message: string;
  fix: string | null;
}

/** What a reported completion survives. */
export type Durability = "full" | "normal";

/** Why an attempt failed, in full. */
export interface ErrorInfo {
  kind: ErrorKind;
  type: string;
  message: string;
  fix: string | null;
  traceback: string | null;
  host: string | null;
  status: number | null;
  body: string | null;
}

/** What sort of failure an attempt met. */
export type ErrorKind = "code" | "deadline" | "bad_input" | "bad_output" | "agent" | "process" | "cancelled" | "items" | "rate_limit" | "authentication" | "refused" | "unreachable" | "bad_reply" | "schema" | "budget" | "human" | "offline";

/** What shows the kind of a failure. None and empty where it says nothing about it. */
export interface Evidence {
  error: string;
  message: string;
  host: string | null;
  status: number | null;
  body: string | null;
  call: string | null;
  retry_after_ms: number | null;
  frame: Frame | null;
  misses: string[];
  deadline_ms: number | null;
  took_ms: number;
  pending: PendingCall[];
  attempts: number;
  over_ms: number;
  other_kinds: Record<string, number>;
}

/** How one attempt ended; the last one of a task says how the task ended. */
export interface ExecutionRecord {
  run_id: string;
  task: string;
  node_id: string;
  agent: string;
  attempt: number;
  status: TaskStatus;
  is_final: boolean;
  started_at: string | null;
  ended_at: string;
  duration_ms: number;
  queued_ms: number;
  input_artifacts: string[];
  output_artifacts: string[];
  error: ErrorInfo | null;
  skip_reason: SkipReason | null;
  blocked_by: string | null;
  reused_from: string | null;
  is_edited: boolean;
  retry_in_ms: number | null;
  idempotency_key: string;
  spend: Spend | null;
  key: string;
  key_parts: Record<string, string>;
}

/** Why a task failed: the kind, the evidence, and a way out. */
export interface FailureClass {
  task: string;
  kind: FailureKind;
  cause: string;
  evidence: Evidence;
  advice: string;
}

/** Tasks of one node that failed for the same reason. */
export interface FailureGroup {
  node: string;
  tasks: string[];
  kind: FailureKind;
  cause: string;
  example: FailureClass;
  blocked: string[];
}

/** What sort of failure it was, for somebody who wants it to go away. */
export type FailureKind = "deadline" | "rate_limit" | "authentication" | "unreachable" | "refused" | "bad_reply" | "schema" | "output" | "code" | "process" | "agent" | "budget" | "human" | "input" | "items" | "store" | "offline" | "tape" | "cancelled";

/** Everything that was made from one run, and that run itself. */
export interface Family {
  root: string;
  is_root_missing: boolean;
  runs: FamilyMember[];
}

/** A run among those that it is related to. */
export interface FamilyMember {
  run: Run;
  depth: number;
  change: string;
}

/** Some families, whole, the one with the newest run first. */
export interface FamilyPage {
  families: Family[];
  page: number;
  has_more: boolean;
  asked_for: string | null;
}

/** A place in somebody's code. */
export interface Frame {
  file: string;
  line: number;
  function: string;
  code: string;
}

/** What an artifact was made from. */
export interface Lineage {
  task: string;
  agent: string;
  attempt: number;
  derived_from: string[];
  edited: boolean;
}

/** What happens when nobody answers in time. */
export type OnTimeout = "default" | "fail";

/** The run that another one was made from, and what is different. */
export interface Origin {
  parent: string;
  mode: RunMode;
  fork_points: string[];
  is_alone: boolean;
  changes: ChangeChange[];
}

/** A stretch of time. */
export interface Pause {
  start_ms: number;
  duration_ms: number;
}

/** A call that an attempt was in when it was ended. */
export interface PendingCall {
  name: string;
  target: string;
  waited_ms: number;
}

/** Something of this machine that a workflow executes. */
export interface Program {
  kind: ProgramKind;
  name: string;
  arguments: string[];
  nodes: string[];
}

/** In which way something is executed. */
export type ProgramKind = "function" | "tool" | "command";

/** Something that a person has to say before a task can go on. */
export interface Question {
  id: string;
  run_id: string;
  task: string;
  kind: QuestionKind;
  text: string;
  shown: Json;
  choices: string[];
  default: Json;
  on_timeout: OnTimeout;
  deadline_at: string | null;
  asked_at: string;
  state: QuestionState;
  answer: Answer | null;
}

/** What sort of answer is wanted. */
export type QuestionKind = "input" | "approve" | "choose" | "output" | "budget" | "agent" | "breakpoint";

/** Where a question stands. */
export type QuestionState = "open" | "answered" | "timed_out" | "withdrawn";

/** All that is kept of a run besides its records and artifacts; enough to resume it. */
export interface Run {
  id: string;
  workflow: string;
  workflow_hash: string;
  status: RunStatus;
  started_at: string;
  ended_at: string | null;
  duration_ms: number;
  variables: Record<string, Json>;
  durability: Durability;
  versions: Versions;
  resumed: number;
  node_count: number;
  counts: Record<string, number>;
  error: string | null;
  origin: Origin | null;
  budget: Budget | null;
  spend: Spend;
  is_imported: boolean;
}

/** An artifact as one run has it: its envelope, and whose output it is there. */
export interface RunArtifact {
  id: string;
  run_id: string;
  task: string;
  output: string;
  size: number;
  sha256: string;
  created_at: string;
  lineage: Lineage;
  path: string;
  taken_from: string | null;
}

/** All that is known about a run. */
export interface RunDebug {
  run: Run;
  verdict: string;
  failures: TaskFailure[];
  causes: FailureGroup[];
  stopped_by: FailureKind | null;
  questions: Question[];
  tasks: TaskDebug[];
  taken_over: number;
  unsettled: number;
  damage: Damage[];
  next_steps: Step[];
}

/** How a run came to be. */
export type RunMode = "run" | "replay" | "fork";

/** Some runs, newest first. */
export interface RunPage {
  runs: Run[];
  offset: number;
  has_more: boolean;
  hits: TextHit[];
  is_partial: boolean;
}

/** Where a run stands. */
export type RunStatus = "running" | "completed" | "failed" | "cancelled" | "interrupted" | "waiting" | "over_budget";

/** Why a task was skipped. */
export type SkipReason = "when" | "blocked" | "left_out" | "by_hand";

/** What calls cost together. */
export interface Spend {
  cost_usd: number;
  model_calls: number;
  unpriced_calls: number;
  input_tokens: number;
  output_tokens: number;
  cached_tokens: number;
  reasoning_tokens: number;
}

/** Something to type next, and what for. */
export interface Step {
  command: string;
  purpose: string;
}

/** One task: how it went, and everything that is recorded of it. */
export interface TaskDebug {
  timing: TaskTrace;
  records: ExecutionRecord[];
  artifacts: RunArtifact[];
  blocked: string[];
  item_count: number;
}

/** One failed task of a run, in short. */
export interface TaskFailure {
  task: string;
  status: TaskStatus;
  error: ErrorInfo;
  attempts: number;
  blocked: string[];
}

/** Where a task stands. */
export type TaskStatus = "waiting" | "ready" | "running" | "waiting_for_human" | "completed" | "failed" | "timed_out" | "cancelled" | "skipped";

/** One task of a run, with all its attempts; a foreach node has its items under it. */
export interface TaskTrace {
  task: string;
  node_id: string;
  agent: string;
  status: TaskStatus;
  start_ms: number | null;
  duration_ms: number;
  queued_ms: number;
  attempts: AttemptTrace[];
  items: TaskTrace[];
  error: ErrorInfo | null;
  skip_reason: SkipReason | null;
  blocked_by: string | null;
  asked: Pause[];
  reused_from: string | null;
  is_edited: boolean;
  was_cut_off: boolean;
  settled_ms: number | null;
}

/** A text in which what was looked for was found. */
export interface TextHit {
  run_id: string;
  task: string;
  artifact: string;
  call: string;
  is_response: boolean;
  excerpt: string;
  marks: [number, number][];
}

/** What somebody should know who is asked whether a run is trusted. */
export interface TrustReport {
  run: Run;
  is_needed: boolean;
  is_executable: boolean;
  folder: string;
  programs: Program[];
  agents: string[];
}

/** What a run was made with. */
export interface Versions {
  binex: string;
  python: string;
  handlers: Record<string, string>;
  adapters: Record<string, string>;
  git_commit: string | null;
}

/** One thing that a fork has otherwise than its parent. */
export interface ChangeChange {
  kind: ChangeKind;
  node: string;
  path: (string | number)[];
  value: Json;
  option: string;
}
