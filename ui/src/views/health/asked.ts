import { useMemo } from "react";
import { apiPath } from "../../api/client";
import type { Figures, Series, StatsReport } from "../../api/types";

export type Group = "workflow" | "node" | "model";
export type Figure = "cost" | "tokens" | "count" | "failed";
export const GROUPS: readonly Group[] = ["workflow", "node", "model"];
export const FIGURES: readonly Figure[] = ["cost", "tokens", "count", "failed"];
export const WINDOWS: readonly { days: number; title: string }[] = [
  { days: 1, title: "24 hours" },
  { days: 7, title: "7 days" },
  { days: 30, title: "30 days" },
  { days: 90, title: "90 days" },
  { days: 0, title: "all time" },
];
export const SPANS = ["hour", "day", "week"] as const;
/** Hours of more days than this are too many to be told apart. */
const MOST_DAYS_BY_HOUR = 83;
const DAY_MS = 86_400_000;

/** What somebody wants to see, as it stands in the address. */
export interface Asked {
  group: Group;
  workflow: string | null;
  /** So many days back; 0 is everything. */
  days: number;
  by: string | null;
  figure: Figure;
}

export function readAsked(query: URLSearchParams): Asked {
  const days = Number(query.get("days") ?? "30");
  return {
    group: GROUPS.find((one) => one === query.get("group")) ?? "workflow",
    workflow: query.get("workflow") || null,
    days: WINDOWS.some((one) => one.days === days) ? days : 30,
    by: SPANS.find((one) => one === query.get("by")) ?? null,
    figure: FIGURES.find((one) => one === query.get("figure")) ?? "cost",
  };
}

/** Whether the time that is asked for can be cut into hours. */
export function allowsHours(days: number): boolean {
  return days > 0 && days <= MOST_DAYS_BY_HOUR;
}

/** Where to ask for the figures of all workflows, and for those of one workflow or of models. */
export function usePaths({ group, workflow, days, by }: Asked): { all: string; one: string | null } {
  // The address of an answer must stay what it is while nothing else is asked for.
  const since = useMemo(() => (days === 0 ? null : new Date(Date.now() - days * DAY_MS).toISOString()), [days]);
  const options = { since, by, forks: "true" };
  const isOne = workflow !== null || group === "model";
  return {
    all: apiPath(["stats"], options),
    one: isOne ? apiPath(["stats"], { ...options, workflow, models: group === "model" ? "true" : null }) : null,
  };
}

/** The series that stand beside each other: nodes of a workflow, whole workflows, or models. */
export function seriesOf(report: StatsReport, group: Group): Series[] {
  return report.series.filter((series) => (series.node !== "") === (group === "node"));
}

export function nameOf(series: Series): string {
  return series.node || series.model || series.workflow;
}

export function valueOf(figures: Figures, figure: Figure): number {
  if (figure === "cost") return figures.cost_usd;
  if (figure === "tokens") return figures.input_tokens + figures.output_tokens;
  if (figure === "failed") return figures.success === null ? 0 : figures.success.total - figures.success.passed;
  return figures.count;
}

/** What is counted: runs, tasks of nodes, or calls of models. */
export function countedIn(group: Group): string {
  return group === "workflow" ? "run" : group === "node" ? "task" : "call";
}
