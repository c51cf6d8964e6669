// Written by scripts/write_types.py from the models; not by hand.

import type { BudgetPolicy, Run, Spend } from "./runs";

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

/** A part of the span of time. */
export interface Bucket {
  start: string;
  figures: Figures;
}

/** How much of a budget is used. */
export interface BudgetUse {
  max_cost: number;
  policy: BudgetPolicy;
  left: number;
}

/** What `binex cost --json` prints. */
export interface CostReport {
  run: Run;
  total: Spend;
  nodes: NodeCost[];
  models: ModelCost[];
  budget: BudgetUse | null;
}

/** What is counted of runs, of the tasks of one node, or of the calls of one model, in some span of time. */
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

/** How an agent answers. */
export type HealthStatus = "ok" | "degraded" | "unreachable" | "unknown";

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

/** What the calls to one model cost. */
export interface ModelCost {
  model: string;
  spend: Spend;
  priced_by: string[];
}

/** What the calls of one node cost, those of all its items and attempts. */
export interface NodeCost {
  node: string;
  spend: Spend;
  budget: BudgetUse | null;
}

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

/** A workflow, one of its nodes, or a model, over time. */
export interface Series {
  workflow: string;
  node: string;
  model: string;
  figures: Figures;
  trend: Trend;
  buckets: Bucket[];
}

/** How long a part is. */
export type Span = "hour" | "day" | "week";

/** How workflows do over time; what `binex stats --json` prints. */
export interface StatsReport {
  by: Span;
  since: string | null;
  until: string | null;
  series: Series[];
  total: Figures;
  is_of_models: boolean;
  has_forks: boolean;
}

/** How the later half of the buckets with anything in them differs from the earlier one. */
export interface Trend {
  success: number | null;
  is_success_clear: boolean;
  latency: number | null;
}
