import type { CheckedText, Complaint } from "../../api/types";

const MOST = 50;

/** Everything that is wrong with the text; each leads to its place. */
export function Faults({ checked, go }: { checked: CheckedText | null; go: (line: number, column: number) => void }) {
  if (checked === null || checked.faults.length + checked.warnings.length === 0) return null;
  return (
    <ul className="plain faults" aria-label="Faults">
      {checked.faults.slice(0, MOST).map((fault, index) => <One key={index} fault={fault} tone="bad" go={go} />)}
      {checked.warnings.slice(0, MOST).map((fault, index) => <One key={`warning ${index}`} fault={fault} tone="warn" go={go} />)}
    </ul>
  );
}

function One({ fault, tone, go }: { fault: Complaint; tone: string; go: (line: number, column: number) => void }) {
  const { line, column } = fault;
  return (
    <li>
      {line !== null ? (
        <button type="button" className="link" onClick={() => go(line, column ?? 1)}>{line}:{column ?? 1}</button>
      ) : (
        <span className="faint">file</span>
      )}
      <span><span className={tone === "bad" ? "bad-text" : "warn-text"}>{fault.message}</span>{fault.fix !== null && <span className="faint"> – {fault.fix}</span>}</span>
    </li>
  );
}
