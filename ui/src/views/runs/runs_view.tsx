import { Fragment, useCallback, useEffect } from "react";
import { useEvents } from "../../api/events";
import type { RunPage } from "../../api/types";
import { useGet, useThrottled } from "../../api/use";
import { count, plural } from "../../lib/format";
import { useNow } from "../../lib/now";
import { altered, go, href } from "../../lib/router";
import { Icon } from "../../parts/icon";
import { LiveNote } from "../../parts/live_note";
import { Empty, Fault, Loading } from "../../parts/states";
import { FamilyTree } from "./family_tree";
import { Filters } from "./filters";
import { FILTERS, PAGE, pathOfRuns } from "./query";
import { RunRow } from "./run_row";

const MOST_COMPARED = 12;

/** All runs, newest first, a page at a time. */
export function RunsView({ query }: { query: URLSearchParams }) {
  const offset = Math.max(0, Number(query.get("offset")) || 0);
  const page = useGet<RunPage>(pathOfRuns(query, offset));
  const chosen = query.getAll("chosen");
  const opened = query.get("open");
  const reload = useThrottled(page.reload, 700);
  useEvents(null, true, useCallback(({ kind }) => {
    if (kind === "run" || kind === "end" || kind === "reset") reload();
  }, [reload]));
  const runs = page.data?.runs ?? [];
  const isAnyRunning = runs.some((run) => run.status === "running");
  const now = useNow(runs.length > 0, isAnyRunning ? 1000 : 20_000);
  useEffect(() => {
    document.title = "Runs · Binex";
  }, []);
  function alter(changes: Parameters<typeof altered>[0]): void {
    go(altered(changes), { replace: true });
  }
  function choose(run: string, isChosen: boolean): void {
    alter({ chosen: [...chosen.filter((one) => one !== run), ...(isChosen ? [run] : [])] });
  }
  const isFiltered = FILTERS.some((name) => query.has(name));
  return (
    <div className="page runs-page">
      <div className="page-head">
        <h1>Runs</h1>
        <LiveNote />
      </div>
      <Filters query={query} />
      {page.error !== null && <Fault error={page.error} retry={page.reload} />}
      {page.isLoading && <Loading what="Reading runs" />}
      {page.data?.is_partial && <p className="note warn">Older texts were not looked through: they are not indexed.</p>}
      {page.data !== null && runs.length === 0 && <NoRuns isFiltered={isFiltered} offset={offset} />}
      {runs.length > 0 && (
        <table className="runs">
          <caption className="unseen">Runs, newest first</caption>
          <thead>
            <tr>
              <th scope="col">
                <span className="unseen">Choose</span>
              </th>
              <th scope="col">State</th>
              <th scope="col">Workflow</th>
              <th scope="col">Tasks</th>
              <th scope="col" className="number">
                Took
              </th>
              <th scope="col" className="number">
                Cost
              </th>
              <th scope="col">Started</th>
              <th scope="col">Made from</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run) => (
              <Fragment key={run.id}>
                <RunRow
                  run={run}
                  now={now}
                  hits={page.data?.hits.filter((hit) => hit.run_id === run.id) ?? []}
                  isChosen={chosen.includes(run.id)}
                  choose={(isChosen) => choose(run.id, isChosen)}
                  isOpen={opened === run.id}
                  toggle={() => alter({ open: opened === run.id ? null : run.id })}
                />
                {opened === run.id && (
                  <tr className="family-row">
                    <td colSpan={8}>
                      <FamilyTree run={run.id} />
                    </td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      )}
      <Pager query={query} offset={offset} hasMore={page.data?.has_more ?? false} shown={runs.length} />
      {chosen.length > 0 && (
        <div className="chosen-bar" role="region" aria-label="Chosen runs">
          <span>{chosen.length === 1 ? "1 run chosen; choose another" : `${plural(chosen.length, "run")} chosen`}</span>
          <button type="button" className="button primary" disabled={chosen.length < 2 || chosen.length > MOST_COMPARED} onClick={() => go(href(["diff"], { run: oldestFirst(chosen) }))}>
            Compare
          </button>
          <button type="button" className="button quiet" onClick={() => alter({ chosen: [] })}>
            Clear
          </button>
          {chosen.length > MOST_COMPARED && <span className="faint">{MOST_COMPARED} at most</span>}
        </div>
      )}
    </div>
  );
}

function NoRuns({ isFiltered, offset }: { isFiltered: boolean; offset: number }) {
  if (offset > 0) return <Empty title="There are no older runs" />;
  if (isFiltered) {
    return (
      <Empty title="No run is like that">
        <a href={href(["runs"])}>Show all runs</a>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing has run here yet">
      <p>
        Begin or run a workflow under <a href={href(["workflows"])}>Workflows</a>, or type <code>binex run workflow.yaml</code>, or{" "}
        <code>binex hello</code> for a demo. It shows up here by itself.
      </p>
    </Empty>
  );
}

function Pager({ query, offset, hasMore, shown }: { query: URLSearchParams; offset: number; hasMore: boolean; shown: number }) {
  if (offset === 0 && !hasMore) return null;
  const kept = { ...Object.fromEntries(FILTERS.map((name) => [name, query.get(name)])), chosen: query.getAll("chosen") };
  const newer = Math.max(0, offset - PAGE);
  return (
    <nav className="pager" aria-label="Pages of runs">
      {offset > 0 ? (
        <a className="button" href={href(["runs"], { ...kept, offset: newer || null })}>
          <Icon name="left" size={14} /> Newer
        </a>
      ) : (
        <span />
      )}
      <span className="faint">
        {count(offset + 1)} to {count(offset + shown)}
      </span>
      {hasMore ? (
        <a className="button" href={href(["runs"], { ...kept, offset: offset + PAGE })}>
          Older <Icon name="right" size={14} />
        </a>
      ) : (
        <span />
      )}
    </nav>
  );
}

/** Ids begin with the time. */
function oldestFirst(runs: readonly string[]): string[] {
  return [...runs].sort();
}
