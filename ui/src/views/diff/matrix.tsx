import { useState } from "react";
import { apiPath } from "../../api/client";
import type { MatrixRow, RunMatrix } from "../../api/types";
import { useGet } from "../../api/use";
import { count, duration, plural, spent } from "../../lib/format";
import { href } from "../../lib/router";
import { toneOf, wordOf } from "../../lib/status";
import { Damaged, Empty, Fault, Loading } from "../../parts/states";
import { StatusOfRun } from "../../parts/status";

const PAGE = 100;

/** More than two runs: rows are tasks, columns runs; the same letter is the same outcome. */
export function MatrixShown({ runs }: { runs: readonly string[] }) {
  const matrix = useGet<RunMatrix>(apiPath(["matrix"], { run: runs }));
  const [isAll, setAll] = useState(false);
  const [most, setMost] = useState(PAGE);
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
                  {index > 0 && <a href={href(["diff"], { run: [first, column.run.id] })}>diff with the first</a>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.slice(0, most).map((row) => (
              <tr key={row.task}>
                <th scope="row">{row.task}</th>
                {row.cells.map((cell, index) => (
                  <td key={columns[index]?.run.id ?? index}>
                    {cell === null ? (
                      <span className="faint">none</span>
                    ) : (
                      <a className={`outcome ${cell.outcome === "A" ? "" : "other"}`} href={href(["runs", columns[index]?.run.id ?? ""], { task: cell.task })}>
                        <span className={`dot ${toneOf(cell.status)}`} /> {cell.outcome}
                        <span className="unseen">, {wordOf(cell.status)}</span>
                      </a>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length === 0 && <Empty title="Every task came out the same in all of them" />}
      {shown.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 5 * PAGE)}>Show more of {plural(shown.length, "task")}</button>
      )}
      <p className="faint">The same letter in a row is the same outcome, to the byte.</p>
    </div>
  );
}

function isEqual(row: MatrixRow): boolean {
  return row.cells.every((cell) => cell !== null && cell.outcome === "A");
}
