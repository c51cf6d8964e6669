import { useEffect, useRef } from "react";
import type { Program, Run, TrustReport } from "../../api/types";
import { visible } from "../../lib/format";
import { Fault, Loading } from "../../parts/states";
import type { Trust } from "./use_trust";

interface NoteProps {
  run: Run;
  trust: Trust;
  /** What is to be done with it, as in `Replay it`. */
  what: string;
  onTrusted: () => void;
  onLeft?: () => void;
}

const KINDS: Record<Program["kind"], string> = { function: "function", tool: "tool", command: "program" };

/** Asks whether an imported run is trusted, and says what would be executed. */
export function TrustNote({ run, trust, what, onTrusted, onLeft }: NoteProps) {
  const box = useRef<HTMLDivElement>(null);
  const { data, error, reload } = trust.report;
  const isThere = data !== null;
  useEffect(() => {
    if (isThere && onLeft !== undefined) box.current?.focus();
  }, [isThere]);
  if (error !== null) return <Fault error={error} retry={reload} />;
  if (data === null) return <Loading what="Looking at what it would execute" />;
  return (
    <div ref={box} className="note warn trust" role="group" aria-label="Trust" tabIndex={-1}>
      <p className="strong">Do you trust this run?</p>
      <p>
        <code>{run.id}</code> came by import: others wrote what it names, and nothing of that is executed before somebody says so. Binex would execute, as you:
      </p>
      <Programs report={data} />
      <p className="faint">Look at what that is first. It is remembered until this page is closed.</p>
      <div className="row">
        <button type="button" className="button primary" onClick={() => { trust.give(); onTrusted(); }}>
          I trust it. {what}
        </button>
        {onLeft !== undefined && <button type="button" className="button quiet" onClick={onLeft}>Not now</button>}
      </div>
    </div>
  );
}

function Programs({ report }: { report: TrustReport }) {
  const isAnyFunction = report.programs.some((program) => program.kind !== "command");
  return (
    <>
      <ul className="plain programs" aria-label="What would be executed">
        {report.programs.map((program) => (
          <li key={`${program.kind} ${program.name} ${program.arguments.join(" ")}`}>
            <span className="tag">{KINDS[program.kind]}</span>
            <code>{visible([program.name, ...program.arguments].join(" "))}</code>
            {program.nodes.length > 0 && <span className="faint">for {program.nodes.slice(0, 8).join(", ")}{program.nodes.length > 8 && ` and ${program.nodes.length - 8} more`}</span>}
          </li>
        ))}
        {report.programs.length === 0 && <li className="faint">what its workflow names, which cannot be read any more, or what you have put into it</li>}
      </ul>
      {isAnyFunction && <p className="faint">Functions are looked for in <code>{visible(report.folder)}</code>.</p>}
      {report.agents.length > 0 && <p className="faint">It would ask {report.agents.slice(0, 8).map((uri) => <code key={uri}>{visible(uri)} </code>)}{report.agents.length > 8 && `and ${report.agents.length - 8} more`}</p>}
    </>
  );
}
