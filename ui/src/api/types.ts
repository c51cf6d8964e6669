// Written by scripts/write_types.py from the models; not by hand.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** One agent of a workflow. */
export interface AgentEntry {
  agent: string;
  uses: AgentUse[];
  price: string;
  address: string;
  keys: KeyPlace[];
  health: AgentHealth | null;
}

/** What an adapter found out about an agent, without giving it work. */
export interface AgentHealth {
  agent: string;
  status: HealthStatus;
  detail: string;
  latency_ms: number | null;
  checked_at: string;
}

/** What `binex agents --json` prints. */
export interface AgentList {
  workflow: string;
  agents: AgentEntry[];
}

/** A node that talks to an agent. */
export interface AgentUse {
  node: string;
  role: Role;
}

/** What somebody said. */
export interface Answer {
  value: Json;
  feedback: string | null;
  by: string;
  at: string;
}

/** Where an artifact comes from and where it went. */
export interface ArtifactLineage {
  run: Run;
  artifact: string;
  nodes: LineageNode[];
  links: LineageLink[];
  cut: string[];
  damage: Damage[];
}

/** The artifacts of a run. */
export interface ArtifactList {
  run: Run;
  artifacts: RunArtifact[];
  damage: Damage[];
}

/** What can be different about a task. */
export type Aspect = "status" | "error" | "output" | "inputs" | "prompt" | "model" | "agent" | "code" | "config" | "tools" | "schema" | "rules" | "version" | "hand" | "name";

/** One attempt at the task. */
export interface AttemptDetail {
  record: ExecutionRecord;
  failure: FailureClass | null;
  rounds: Round[];
  calls: CallDetail[];
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

/** The bytes of one side of a call, kept as a chain of parts. */
export interface Body {
  last: string;
  size: number;
  media_type: string;
}

/** A part of the span of time. */
export interface Bucket {
  start: string;
  figures: Figures;
}

/** What may be spent. */
export interface Budget {
  max_cost: number;
  currency: "USD";
  policy: BudgetPolicy;
}

/** What happens where a budget does not allow the next call. */
export type BudgetPolicy = "stop" | "warn" | "ask";

/** How much of a budget is used. */
export interface BudgetUse {
  max_cost: number;
  policy: BudgetPolicy;
  left: number;
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

/** One call word for word, as it was kept: without secrets. */
export interface CallDetail {
  call: Call;
  request: Said | null;
  response: Said | null;
  reply: string | null;
  damage: Damage[];
}

/** With whom an attempt spoke. */
export type CallKind = "model" | "http" | "a2a" | "tool" | "human" | "value";

/** The calls of a run, or of one task of it. */
export interface CallList {
  run: Run;
  calls: Call[];
}

/** An attempt has finished a call; it becomes durable within moments, at the latest with the task's record. */
export interface CallRecorded {
  call: Call;
}

/** What made the runs different, apart from all that follows from it. */
export interface Cause {
  kind: CauseKind;
  tasks: string[];
  node: string;
  aspects: Aspect[];
  parts: string[];
  text: string;
  leads_to: string[];
  follows_from: string[];
}

/** Why a task came out otherwise, where that is not because others did. */
export type CauseKind = "changed" | "variable" | "added" | "removed" | "edited" | "fault" | "sampling" | "failure" | "chance" | "stopped" | "missing" | "unknown";

/** What is changed. */
export type ChangeKind = "field" | "variable" | "artifact" | "fault" | "workflow";

/** A text, read as a workflow. */
export interface CheckedText {
  is_usable: boolean;
  name: string | null;
  description: string;
  faults: Complaint[];
  warnings: Complaint[];
  graph: TextGraph | null;
  inputs: Record<string, InputSpec>;
}

export type Chunk = [number, number];

/** Something about a text; without a place where a place means nothing. */
export interface Complaint {
  message: string;
  line: number | null;
  column: number | null;
  fix: string | null;
}

/** A condition, and what stood in it. */
export interface ConditionValues {
  text: string;
  values: Record<string, Json>;
}

/** What `binex cost --json` prints. */
export interface CostReport {
  run: Run;
  total: Spend;
  nodes: NodeCost[];
  models: ModelCost[];
  budget: BudgetUse | null;
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

/** Something of a run that is missing, or is not what was recorded. */
export interface Damage {
  where: string;
  message: string;
  fix: string | null;
}

/** What happens to a node in a fork. */
export type Decision = "run" | "may_run" | "reused" | "edited" | "left_out";

/** What a reported completion survives. */
export type Durability = "full" | "normal";

/** Why a node comes after another. */
export type EdgeKind = "data" | "condition" | "order";

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

/** A foreach node knows its list. */
export interface FanOutStarted {
  run_id: string;
  task: string;
  item_count: number;
}

/** What is counted of runs, or of the tasks of one node, in some span of time. */
export interface Figures {
  count: number;
  success: Rate | null;
  latency: Latency | null;
  cost_usd: number;
  unpriced_calls: number;
  retries: number | null;
  input_tokens: number;
  output_tokens: number;
}

/** A graph in which groups stand for their nodes: each of a group has each of its edges. Without cycles. */
export interface FoldedGraph {
  parts: (GraphNode | NodeGroup)[];
  edges: GraphEdge[];
}

/** What a fork would do with every node, and what that will probably cost. */
export interface ForkPlan {
  parent: string;
  changes: ChangeChange[];
  fork_points: string[];
  nodes: NodePlan[];
  added: string[];
  removed: string[];
  changed: string[];
  certain_cost_usd: number;
  highest_cost_usd: number;
  unpriced: string[];
}

/** A place in somebody's code. */
export interface Frame {
  file: string;
  line: number;
  function: string;
  code: string;
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

/** One dependency. */
export interface GraphEdge {
  before: string;
  after: string;
  kinds: EdgeKind[];
  references: string[];
}

/** One node of the workflow, and how it went in the run. */
export interface GraphNode {
  id: string;
  agent: string;
  status: TaskStatus | null;
  attempts: number;
  duration_ms: number;
  items: Record<string, number>;
  skip_reason: SkipReason | null;
  blocked_by: string | null;
  reused_from: string | null;
  is_edited: boolean;
  was_cut_off: boolean;
  error: string | null;
  error_kind: ErrorKind | null;
}

/** How an agent answers. */
export type HealthStatus = "ok" | "degraded" | "unreachable" | "unknown";

/** One input of the workflow, used as `${user.<name>}`. */
export interface InputSpec {
  type: InputType | null;
  default: Json;
  description: string;
  required: boolean | null;
}

/** The type of a workflow input. */
export type InputType = "string" | "integer" | "number" | "boolean" | "array" | "object";

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

/** One value that was changed, added or removed. */
export interface JsonChange {
  kind: JsonChangeKind;
  path: (string | number)[];
  path_before: (string | number)[];
  before: Json;
  after: Json;
  text: TextDiff | null;
}

/** What became of a value. */
export type JsonChangeKind = "changed" | "added" | "removed";

/** How one JSON value became another. */
export interface JsonDiff {
  changes: JsonChange[];
  is_cut: boolean;
}

/** Where a key is expected; never the key. */
export interface KeyPlace {
  variables: string[];
  is_set: boolean;
}

/** How long it took, in milliseconds: quantiles, interpolated between the two nearest values. */
export interface Latency {
  p50: number;
  p90: number;
  p99: number;
}

/** What an artifact was made from. */
export interface Lineage {
  task: string;
  agent: string;
  attempt: number;
  derived_from: string[];
  edited: boolean;
}

/** What sort of thing an artifact was made from, or became. */
export type LineageKind = "artifact" | "input" | "value" | "prompt" | "task";

/** That one thing was made from another. */
export interface LineageLink {
  before: string;
  after: string;
  kind: LinkKind;
}

/** One thing in a lineage. */
export interface LineageNode {
  id: string;
  kind: LineageKind;
  name: string;
  run_id: string;
  task: string;
  agent: string;
  attempt: number;
  size: number;
  is_edited: boolean;
  status: TaskStatus | null;
  also_in: string[];
  damage: string | null;
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

/** In which way something was made from something else. */
export type LinkKind = "data" | "condition" | "order" | "item" | "edit";

/** One task in one run. */
export interface MatrixCell {
  outcome: string;
  status: TaskStatus | null;
  task: string;
}

/** One of the runs; its cost and duration are in it. */
export interface MatrixColumn {
  run: Run;
  change: string;
  different: number;
}

/** One task in all of the runs. */
export interface MatrixRow {
  task: string;
  cells: (MatrixCell | null)[];
}

/** What the calls to one model cost. */
export interface ModelCost {
  model: string;
  spend: Spend;
  priced_by: string[];
}

/** Something about the runs as a whole that is different. */
export interface NamedDiff {
  name: string;
  side: Side;
  value: ValueDiff;
}

/** The earlier task that a task is compared with. */
export interface Nearest {
  run_id: string;
  task: string;
  like: WhyLikeness;
  ended_at: string;
}

/** What the calls of one node cost, those of all its items and attempts. */
export interface NodeCost {
  node: string;
  spend: Spend;
  budget: BudgetUse | null;
}

/** Nodes with the same agent, the same dependencies and the same dependents, shown as one. */
export interface NodeGroup {
  id: string;
  agent: string;
  nodes: GraphNode[];
}

/** What happens to one node. */
export interface NodePlan {
  node: string;
  decision: Decision;
  why: string;
  tasks: number;
  cost_usd: number | null;
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

/** One thing that the task made. */
export interface OutputDetail {
  artifact: RunArtifact;
  value: Json;
  is_readable: boolean;
}

/** One output of a task that came out otherwise. */
export interface OutputDiff {
  output: string;
  side: Side;
  before_id: string | null;
  after_id: string | null;
  value: ValueDiff | null;
}

/** One thing that the key is made of. */
export interface Part {
  name: string;
  group: string;
  state: PartState;
  before: string | null;
  after: string | null;
}

/** One thing that a task's outcome depends on and that was different. */
export interface PartDiff {
  name: string;
  aspect: Aspect;
  side: Side;
  is_own: boolean;
  variables: string[];
  value: ValueDiff | null;
}

/** How a part of the key compares with that of the nearest earlier task. */
export type PartState = "same" | "differs" | "only here" | "only there";

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

export type Piece = [Text_diffChange, string];

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

/** A task waits for a person; the question is durable. */
export interface QuestionAsked {
  question: Question;
}

/** What sort of answer is wanted. */
export type QuestionKind = "input" | "approve" | "choose" | "output" | "budget" | "agent" | "breakpoint";

/** A question was answered, or nobody will be heard any more. */
export interface QuestionSettled {
  question: Question;
}

/** Where a question stands. */
export type QuestionState = "open" | "answered" | "timed_out" | "withdrawn";

/** How often something went well. */
export interface Rate {
  passed: number;
  total: number;
  rate: number;
  low: number;
  high: number;
}

/** What an agent is for a node. */
export type Role = "agent" | "fallback" | "escalation" | "tool";

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

/** How two runs differ: the first causes, what follows from them, and every task. */
export interface RunDiff {
  before: Run;
  after: Run;
  is_equal: boolean;
  is_same_workflow: boolean;
  causes: Cause[];
  tasks: TaskDiff[];
  variables: NamedDiff[];
  versions: NamedDiff[];
  budget: NamedDiff | null;
  workflow: TextDiff | null;
  is_cut: boolean;
  damage: Damage[];
}

/** A run ended; its final status is durable. */
export interface RunEnded {
  summary: RunSummary;
}

/** The graph of a run. Without cycles. */
export interface RunGraph {
  run: Run;
  nodes: GraphNode[];
  edges: GraphEdge[];
  taken_over: number;
  damage: Damage[];
}

/** Runs beside each other: rows are tasks, columns runs. */
export interface RunMatrix {
  columns: MatrixColumn[];
  rows: MatrixRow[];
  damage: Damage[];
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

/** A run began, or was taken up again. */
export interface RunStarted {
  run: Run;
  node_count: number;
  reused: number;
}

/** Where a run stands. */
export type RunStatus = "running" | "completed" | "failed" | "cancelled" | "interrupted" | "waiting" | "over_budget";

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

/** A workflow, or one of its nodes, over time. */
export interface Series {
  workflow: string;
  node: string;
  figures: Figures;
  trend: Trend;
  buckets: Bucket[];
}

/** What server this is. */
export interface ServerSession {
  read_only: boolean;
  version: string;
  folder: string;
  workflows_folder: string;
}

/** A question that was answered. */
export interface Settled {
  question: Question;
  goes_on: boolean;
}

/** In which of the two runs something is. */
export type Side = "both" | "before" | "after";

/** Why a task was skipped. */
export type SkipReason = "when" | "blocked" | "left_out" | "by_hand";

/** How long a part is. */
export type Span = "hour" | "day" | "week";

/** What it would help to make a node faster. */
export interface SpeedUp {
  node: string;
  executed_ms: number;
  saves_ms: number;
}

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

/** How workflows do over time; what `binex stats --json` prints. */
export interface StatsReport {
  by: Span;
  since: string | null;
  until: string | null;
  series: Series[];
}

/** Something to type next, and what for. */
export interface Step {
  command: string;
  purpose: string;
}

/** A model said something more; told as it comes in, and kept only as a part of its call. */
export interface Streamed {
  run_id: string;
  task: string;
  attempt: number;
  text: string;
}

/** One task: how it went, and everything that is recorded of it. */
export interface TaskDebug {
  timing: TaskTrace;
  records: ExecutionRecord[];
  artifacts: RunArtifact[];
  blocked: string[];
  item_count: number;
}

/** Everything about one task of a run. Nothing in it is shortened. */
export interface TaskDetail {
  run: Run;
  timing: TaskTrace;
  record: ExecutionRecord | null;
  executed_run: string;
  executed_task: string;
  attempts: AttemptDetail[];
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

/** One task of the two runs. */
export interface TaskDiff {
  task: string;
  state: TaskState;
  before: TaskSide | null;
  after: TaskSide | null;
  matched_by: ModelLikeness;
  aspects: Aspect[];
  parts: PartDiff[];
  outputs: OutputDiff[];
  error: ValueDiff | null;
  messages: ValueDiff | null;
  variables: string[];
  causes: CauseKind[];
  follows_from: string[];
}

/** One failed task of a run, in short. */
export interface TaskFailure {
  task: string;
  status: TaskStatus;
  error: ErrorInfo;
  attempts: number;
  blocked: string[];
}

/** An attempt failed and will be repeated after ``record.retry_in_ms``. */
export interface TaskRetrying {
  record: ExecutionRecord;
}

/** A task ended, and its record is durable. */
export interface TaskSettled {
  record: ExecutionRecord;
}

/** How a task went in one of the two runs. */
export interface TaskSide {
  task: string;
  agent: string;
  status: TaskStatus | null;
  skip_reason: SkipReason | null;
  blocked_by: string | null;
  error: ErrorInfo | null;
  attempts: number;
  duration_ms: number;
  spend: Spend | null;
  reused_from: string | null;
  is_edited: boolean;
}

/** An attempt begins. */
export interface TaskStarted {
  run_id: string;
  task: string;
  agent: string;
  attempt: number;
  at: string;
}

/** How the two sides of a task compare. */
export type TaskState = "equal" | "unaffected" | "different" | "added" | "removed";

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

/** Two texts as one: the pieces that are not inserted make the first, those that are not deleted the second. */
export interface TextDiff {
  pieces: Piece[];
  deleted: number;
  inserted: number;
  skipped: number;
  left_out: number;
  is_cut: boolean;
}

/** What a workflow looks like before it was run. */
export interface TextGraph {
  nodes: GraphNode[];
  edges: GraphEdge[];
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

/** How the later half of the buckets with anything in them differs from the earlier one. */
export interface Trend {
  success: number | null;
  is_success_clear: boolean;
  latency: number | null;
}

/** Tokens of one call. None where the provider did not say. */
export interface Usage {
  input_tokens: number | null;
  output_tokens: number | null;
  cached_tokens: number | null;
  reasoning_tokens: number | null;
}

/** How two values differ: texts word by word, all else by its structure. */
export interface ValueDiff {
  text: TextDiff | null;
  json_value: JsonDiff | null;
  before: Json;
  after: Json;
  is_cut: boolean;
}

/** What became of a task. */
export type Verdict = "executed" | "reused" | "skipped" | "blocked" | "left_out" | "by_hand" | "unknown" | "unusable" | "joined" | "unsettled";

/** What a run was made with. */
export interface Versions {
  binex: string;
  python: string;
  handlers: Record<string, string>;
  adapters: Record<string, string>;
  git_commit: string | null;
}

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

/** One workflow file, without what it says. */
export interface WorkflowFile {
  name: string;
  size: number;
  sha256: string;
  modified_at: string;
}

/** The workflow files of the folder. */
export interface WorkflowFiles {
  folder: string;
  workflows: WorkflowFile[];
}

/** One workflow file, word for word. */
export interface WorkflowText {
  name: string;
  text: string;
  sha256: string;
}

/** By what the two sides of a task were found to belong together. */
export type ModelLikeness = "name" | "item" | "key" | "place";

/** What became of a piece of text. */
export type Text_diffChange = "same" | "deleted" | "inserted";

/** One thing that a fork has otherwise than its parent. */
export interface ChangeChange {
  kind: ChangeKind;
  node: string;
  path: (string | number)[];
  value: Json;
  option: string;
}

/** In what the nearest earlier task is like this one. */
export type WhyLikeness = "key" | "task" | "agent";
