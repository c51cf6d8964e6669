import { type FormEvent, useEffect, useState } from "react";
import type { RunStatus } from "../../api/types";
import { go, href } from "../../lib/router";
import { wordOf } from "../../lib/status";
import { Icon } from "../../parts/icon";
import { FILTERS, SPANS } from "./query";

const STATUSES: readonly RunStatus[] = [
  "running", "waiting", "completed", "failed", "interrupted", "cancelled", "over_budget",
];

/** What runs are asked for; all of it stands in the address, and so can be kept and shared. */
export function Filters({ query }: { query: URLSearchParams }) {
  const [text, setText] = useState(query.get("text") ?? "");
  const [workflow, setWorkflow] = useState(query.get("workflow") ?? "");
  const [cost, setCost] = useState(query.get("min_cost") ?? "");
  useEffect(() => {
    setText(query.get("text") ?? "");
    setWorkflow(query.get("workflow") ?? "");
    setCost(query.get("min_cost") ?? "");
  }, [query.get("text"), query.get("workflow"), query.get("min_cost")]);
  function ask(changes: Record<string, string | null>): void {
    const all: Record<string, string | null> = { text, workflow, min_cost: cost, ...changes };
    const kept = Object.fromEntries(FILTERS.map((name) => [name, name in all ? (all[name] ?? null) : query.get(name)]));
    go(href(["runs"], { ...kept, chosen: query.getAll("chosen") }));
  }
  function submit(event: FormEvent): void {
    event.preventDefault();
    ask({});
  }
  const isAny = FILTERS.some((name) => query.has(name));
  return (
    <form className="filters" role="search" onSubmit={submit}>
      <div className="search-box">
        <Icon name="search" />
        <input
          type="search"
          aria-label="Words in outputs and messages"
          placeholder="Words in outputs and messages"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <select aria-label="State" value={query.get("status") ?? ""} onChange={(event) => ask({ status: event.target.value })}>
        <option value="">Any state</option>
        {STATUSES.map((status) => (
          <option key={status} value={status}>
            {wordOf(status)}
          </option>
        ))}
      </select>
      <input
        className="filter-workflow"
        aria-label="Workflow"
        placeholder="Workflow"
        value={workflow}
        onChange={(event) => setWorkflow(event.target.value)}
        onBlur={() => workflow !== (query.get("workflow") ?? "") && ask({})}
      />
      <select aria-label="Made how" value={query.get("origin") ?? ""} onChange={(event) => ask({ origin: event.target.value })}>
        <option value="">Made in any way</option>
        <option value="run">run from the start</option>
        <option value="fork">fork</option>
        <option value="replay">replay</option>
        <option value="imported">imported</option>
      </select>
      <select aria-label="When" value={query.get("within") ?? ""} onChange={(event) => ask({ within: event.target.value })}>
        <option value="">At any time</option>
        {Object.entries(SPANS).map(([name, { title }]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
      <input
        className="filter-cost"
        type="number"
        min="0"
        step="any"
        aria-label="At least so many dollars"
        placeholder="min. $"
        value={cost}
        onChange={(event) => setCost(event.target.value)}
        onBlur={() => cost !== (query.get("min_cost") ?? "") && ask({})}
      />
      <button type="submit" className="button">
        Search
      </button>
      {isAny && (
        <a className="button quiet" href={href(["runs"])}>
          Clear
        </a>
      )}
    </form>
  );
}
