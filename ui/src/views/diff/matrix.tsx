import { useState } from "react";
import { apiPath } from "../../api/client";
import type { Cause, MatrixCell, MatrixRow, RunMatrix } from "../../api/types";
import { useGet } from "../../api/use";
import { count, duration, plural, spent } from "../../lib/format";
import { toneOf, wordOf } from "../../lib/status";
import { altered, go, href } from "../../lib/router";
import { Damaged, Empty, Fault, Loading } from "../../parts/states";
import { StatusOfRun } from "../../parts/status";
import { CellDiff } from "./cell_diff";
import { useCauses } from "./causes";

const PAGE = 100;

/** More than two runs: rows are tasks, columns runs; the same letter is the same outcome. */
export function MatrixShown({ runs, query }: { runs: readonly string[]; query: URLSearchParams }) {
  const matrix = useGet<RunMatrix>(apiPath(["matrix"], { run: runs }));
  const isAll = query.has("all");
  const setAll = (isOn: boolean): void => go(altered({ all: isOn ? "yes" : null }), { replace: true });
  const [most, setMost] = useState(PAGE);
  const causes = useCauses(matrix.data?.columns.map((column) => column.run.id) ?? []);
  const task = query.get("task");
  const other = query.get("with");
  if (matrix.error !== null) return <div className="page"><Fault error={matrix.error} retry={matrix.reload} /></div>;
  if (matrix.data === null) return <div className="page"><Loading what="Comparing" /></div>;
  const { columns, rows, damage } = matrix.data;
  const first = columns[0]?.run.id ?? "";
  const different = rows.filter((row) => !isEqual(row));
  const shown = isAll ? rows : different;
  return (
    <div className="page">
      <div className="page-head">
        <h1>{plural(columns.length, "run")}</h1>
        <div className="segments" role="group" aria-label="Which tasks">
          <button type="button" aria-pressed={!isAll} onClick={() => setAll(false)}>different {count(different.length)}</button>
          <button type="button" aria-pressed={isAll} onClick={() => setAll(true)}>all {count(rows.length)}</button>
        </div>
      </div>
      <Damaged damage={damage} />
      <div className="scroll panel" tabIndex={0} role="region" aria-label="Runs beside each other">
        <table className="matrix">
          <thead>
            <tr>
              <th scope="col">task</th>
              {columns.map((column, index) => (
                <th key={column.run.id} scope="col">
                  <a href={href(["runs", column.run.id])}><code>{column.run.id}</code></a>
                  <StatusOfRun status={column.run.status} />
                  <span className="faint">{duration(column.run.duration_ms)} · {spent(column.run.spend)}</span>
                  <span className="faint">{index === 0 ? "the others are compared with it" : column.change || `${column.different} different`}</span>
                  {index > 0 && <span className="matrix-cause">{causeText(causes.get(column.run.id))}</span>}
                  {index > 0 && <a href={href(["diff"], { run: [first, column.run.id] })}>diff with the first</a>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, most).map((row) => (
              <tr key={row.task}>
                <th scope="row">{row.task}</th>
                {row.cells.map((cell, index) => {
                  const run = columns[index]?.run.id ?? "";
                  const isCause = index > 0 && (causes.get(run)?.tasks.includes(row.task) ?? false);
                  const isChosen = task === row.task && other === run;
                  return (
                    <td key={run || index} className={isCause ? "cause-cell" : ""}>
                      {cell === null ? (
                        <span className="faint">none</span>
                      ) : index === 0 ? (
                        <a className="outcome" href={href(["runs", run], { task: cell.task })}><Outcome cell={cell} /></a>
                      ) : (
                        <button
                          type="button"
                          className={`outcome ${cell.outcome === "A" ? "" : "other"}`}
                          aria-expanded={isChosen}
                          onClick={() => go(altered(isChosen ? { task: null, with: null } : { task: row.task, with: run }), { replace: true })}
                        >
                          <Outcome cell={cell} />
                        </button>
                      )}
                      {isCause && <span className="tag first-cause">first cause</span>}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {task !== null && other !== null && <CellDiff key={`${other} ${task}`} before={first} after={other} task={task} />}
      {shown.length === 0 && <Empty title="Every task came out the same in all of them" />}
      {shown.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 5 * PAGE)}>Show more of {plural(shown.length, "task")}</button>
      )}
      <p className="faint">The same letter in a row is the same outcome, to the byte. Choose one to see how it differs from the first.</p>
    </div>
  );
}

function Outcome({ cell }: { cell: MatrixCell }) {
  return (
    <>
      <span className={`dot ${toneOf(cell.status)}`} /> {cell.outcome}
      <span className="unseen">, {wordOf(cell.status)}</span>
    </>
  );
}

function causeText(cause: Cause | null | undefined): string {
  if (cause === undefined) return "";
  return cause === null ? "nothing made it different" : `first cause: ${cause.tasks.slice(0, 2).join(", ")} ${cause.text}`;
}

function isEqual(row: MatrixRow): boolean {
  return row.cells.every((cell) => cell !== null && cell.outcome === "A");
}
