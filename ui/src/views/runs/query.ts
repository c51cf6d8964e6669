import { apiPath } from "../../api/client";

export const PAGE = 25;
export const FILTERS = ["text", "status", "workflow", "origin", "within", "min_cost"] as const;

export const SPANS: Record<string, { title: string; hours: number }> = {
  hour: { title: "the last hour", hours: 1 },
  day: { title: "the last day", hours: 24 },
  week: { title: "the last week", hours: 168 },
  month: { title: "the last 30 days", hours: 720 },
};

/** The address of the page of runs that the address of the view asks for. */
export function pathOfRuns(query: URLSearchParams, offset: number): string {
  const span = SPANS[query.get("within") ?? ""];
  // To the minute, so that the same view asks for the same.
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  return apiPath(["runs"], {
    limit: PAGE,
    offset: offset || null,
    text: query.get("text"),
    status: query.getAll("status"),
    workflow: query.get("workflow"),
    origin: query.get("origin"),
    min_cost: query.get("min_cost"),
    since: span === undefined ? null : new Date(minute - span.hours * 3_600_000).toISOString(),
  });
}
