// Written by scripts/write_types.py from the models; not by hand.

import type { Call } from "./events";
import type { Json } from "./json";
import type { Damage, ExecutionRecord, FailureClass, FailureGroup, Pause, Question, Run, RunArtifact, Spend, TaskStatus, TaskTrace } from "./runs";

/** One attempt at the task. */
export interface AttemptDetail {
  record: ExecutionRecord;
  failure: FailureClass | null;
  rounds: Round[];
  calls: CallDetail[];
}

/** One call word for word, as it was kept: without secrets. */
export interface CallDetail {
  call: Call;
  request: Said | null;
  response: Said | null;
  reply: string | null;
  damage: Damage[];
}

/** The calls of a run, or of one task of it. */
export interface CallList {
  run: Run;
  calls: Call[];
}

/** A condition, and what stood in it. */
export interface ConditionValues {
  text: string;
  values: Record<string, Json>;
}

/** What the duration of a run was made of. The parts of all links and those of the ending make up ``span_ms``. */
export interface CriticalPath {
  run: Run;
  span_ms: number;
  links: Link[];
  ending: TimeParts;
  parts: TimeParts;
  speed_ups: SpeedUp[];
  damage: Damage[];
}

/** One thing that a task was given: as the workflow writes it, and what that came to. */
export interface Given {
  name: string;
  written: Json;
  is_implied: boolean;
  value: Json;
  artifacts: string[];
  is_readable: boolean;
}

/** One item of a foreach node, in short; each is a task of its own. */
export interface ItemShort {
  task: string;
  status: TaskStatus;
  start_ms: number | null;
  duration_ms: number;
  attempts: number;
  reused_from: string | null;
  cause: string | null;
}

/** The items of a foreach node, summed up. */
export interface Items {
  verdicts: Record<string, number>;
  reused_from: Record<string, number>;
  differing: Record<string, number>;
  new: number;
}

/** One task of the chain. Times are in milliseconds; starts count from the start of the run. */
export interface Link {
  task: string;
  agent: string;
  status: TaskStatus;
  after: string | null;
  start_ms: number;
  end_ms: number;
  parts: TimeParts;
}

/** The earlier task that a task is compared with. */
export interface Nearest {
  run_id: string;
  task: string;
  like: WhyLikeness;
  ended_at: string;
}

/** One thing that the task made. */
export interface OutputDetail {
  artifact: RunArtifact;
  value: Json;
  is_readable: boolean;
}

/** One thing that the key is made of. */
export interface Part {
  name: string;
  group: string;
  state: PartState;
  before: string | null;
  after: string | null;
}

/** How a part of the key compares with that of the nearest earlier task. */
export type PartState = "same" | "differs" | "only here" | "only there";

/** One question to a model and its reply. */
export interface Round {
  call: string;
  model: string;
  messages: SeenMessage[];
  is_continued: boolean;
  settings: Record<string, Json>;
  tools: string[];
  reply: string | null;
  tool_uses: ToolUse[];
  error: string | null;
}

/** One side of a call. */
export interface Said {
  media_type: string;
  size: number;
  text: string | null;
  value: Json;
}

/** One message of the conversation, exactly as the model was given it. */
export interface SeenMessage {
  role: string;
  content: Json;
  name: string | null;
  tool_call_id: string | null;
  tool_uses: ToolUse[];
}

/** What it would help to make a node faster. */
export interface SpeedUp {
  node: string;
  executed_ms: number;
  saves_ms: number;
}

/** Everything about one task of a run. Nothing in it is shortened. */
export interface TaskDetail {
  run: Run;
  timing: TaskTrace;
  record: ExecutionRecord | null;
  executed_run: string;
  executed_task: string;
  attempts: AttemptDetail[];
  rounds_so_far: Round[];
  failure: FailureClass | null;
  item_failures: FailureGroup[];
  blocked: string[];
  condition: ConditionValues | null;
  held: boolean | null;
  inputs: Given[];
  settings: Given[];
  outputs: OutputDetail[];
  questions: Question[];
  spend: Spend;
  items: ItemShort[];
  damage: Damage[];
}

/** How long what took, in milliseconds. */
export interface TimeParts {
  executed_ms: number;
  queued_ms: number;
  retrying_ms: number;
  human_ms: number;
  idle_ms: number;
  own_ms: number;
}

/** A tool that a model asked for. */
export interface ToolUse {
  id: string;
  name: string;
  arguments: string;
  result: string | null;
}

/** The timeline of a run. */
export interface Trace {
  run: Run;
  span_ms: number;
  tasks: TaskTrace[];
  taken_over: number;
  unsettled: number;
  pauses: Pause[];
  slowest: string[];
}

/** What became of a task. */
export type Verdict = "executed" | "reused" | "skipped" | "blocked" | "left_out" | "by_hand" | "unknown" | "unusable" | "joined" | "unsettled";

/** Why a task ran, or did not: what `binex why --json` prints. */
export interface Why {
  run: Run;
  task: string;
  node_id: string;
  agent: string;
  verdict: Verdict;
  status: TaskStatus | null;
  error: string | null;
  is_edited: boolean;
  reused_from: string | null;
  blocked_by: string | null;
  condition: ConditionValues | null;
  nearest: Nearest | null;
  parts: Part[];
  items: Items | null;
}

/** In what the nearest earlier task is like this one. */
export type WhyLikeness = "key" | "task" | "agent";
