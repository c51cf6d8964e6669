import { useState } from "react";
import { isRecord } from "../api/client";
import type { Json } from "../api/types";
import { beginning, inLine, plural, visible } from "../lib/format";

const PAGE = 50;
const MOST_COLUMNS = 30;
const LONGEST = 200;

/** The columns of what can be shown as a table: a list of objects, or of lists of the same length. */
export function columnsOf(value: Json): string[] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const sample = value.slice(0, 200);
  const width = Array.isArray(sample[0]) ? sample[0].length : 0;
  if (width > 0 && width <= MOST_COLUMNS && sample.every((row) => Array.isArray(row) && row.length === width && row.every(isPlain))) {
    return Array.from({ length: width }, (_, index) => String(index));
  }
  if (!sample.every((row) => isRecord(row))) return null;
  const names = new Set<string>();
  for (const row of sample) if (isRecord(row)) Object.keys(row).forEach((name) => names.add(name));
  return names.size > 0 && names.size <= MOST_COLUMNS ? [...names] : null;
}

function isPlain(value: Json): boolean {
  return typeof value !== "object" || value === null;
}

export function Grid({ rows, columns }: { rows: Json[]; columns: string[] }) {
  const [most, setMost] = useState(PAGE);
  return (
    <div>
      <div className="scroll" tabIndex={0} role="region" aria-label="table">
        <table className="grid">
          <thead>
            <tr>
              {columns.map((name) => (
                <th key={name} scope="col">
                  {visible(name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map((row, index) => (
              <tr key={index}>
                {columns.map((name) => {
                  const cell = isRecord(row) ? row[name] : Array.isArray(row) ? row[Number(name)] : undefined;
                  return (
                    <td key={name} className={typeof cell === "number" ? "number" : ""}>
                      {cell === undefined ? "" : visible(beginning(inLine(cell), LONGEST))}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 10 * PAGE)}>
          Show more of {plural(rows.length, "row")}
        </button>
      )}
    </div>
  );
}
