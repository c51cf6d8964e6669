import "../../styles/fork.css";
import { useMemo, useState } from "react";
import { ApiError, apiPath, isRecord, send } from "../../api/client";
import type { ForkPlan, Json, Run, TaskDetail } from "../../api/types";
import { useGet } from "../../api/use";
import { go, href } from "../../lib/router";
import { nodeOf } from "../../lib/status";
import { visible } from "../../lib/format";
import { Fault, Loading } from "../../parts/states";
import { TrustNote } from "../trust/trust_note";
import { useTrust } from "../trust/use_trust";
import { PlanShown } from "./plan";
import { type Field, fieldsOf, type ForkBody, requestOf } from "./request";

const LINE = 60;

interface RunWorkflow {
  source: { prompts: Record<string, string> };
  spec: { nodes: Record<string, Json> };
}

/** Changes something about a task, or what it made, and runs what follows from that as a run of its own. */
export default function ForkPanel({ run, detail }: { run: Run; detail: TaskDetail }) {
  const node = nodeOf(detail.timing.task);
  const workflow = useGet<RunWorkflow>(apiPath(["runs", run.id, "workflow"]));
  if (workflow.error !== null) return <Fault error={workflow.error} retry={workflow.reload} />;
  if (workflow.data === null) return <Loading what="Reading the workflow" />;
  const spec = workflow.data.spec.nodes[node];
  return <Editor run={run} detail={detail} fields={fieldsOf(isRecord(spec) ? spec : {}, workflow.data.source.prompts, detail)} />;
}

function Editor({ run, detail, fields }: { run: Run; detail: TaskDetail; fields: Field[] }) {
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [isAgain, setAgain] = useState(false);
  const [isAlone, setAlone] = useState(false);
  const [plan, setPlan] = useState<{ plan: ForkPlan; body: string } | null>(null);
  const [fault, setFault] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [isAsked, setAsked] = useState(false);
  const trust = useTrust(run);
  const made = useMemo(() => requestOf(detail.timing.task, fields, texts, { isAgain, isAlone }), [detail.timing.task, fields, texts, isAgain, isAlone]);
  const isPlanned = plan !== null && made.body !== null && plan.body === JSON.stringify(made.body);

  async function ask<T>(what: "fork/plan" | "fork", body: ForkBody): Promise<T | null> {
    setBusy(true);
    setFault(null);
    try {
      return await send<T>("POST", `${apiPath(["runs", run.id])}/${what}`, body);
    } catch (error) {
      const said = error instanceof ApiError ? error : new ApiError(0, String(error));
      if (said.kind === "trust") setAsked(true);
      else setFault(said);
      return null;
    } finally {
      setBusy(false);
    }
  }
  async function see(): Promise<void> {
    if (made.body === null) return;
    const found = await ask<ForkPlan>("fork/plan", made.body);
    if (found !== null) setPlan({ plan: found, body: JSON.stringify(made.body) });
  }
  async function start(isTrusted: boolean): Promise<void> {
    if (made.body === null) return;
    setAsked(false);
    const answer = await ask<{ run: string }>("fork", isTrusted ? { ...made.body, trust: true } : made.body);
    if (answer !== null) go(href(["diff"], { run: [run.id, answer.run] }));
  }

  return (
    <div className="fork">
      <p className="faint">Change what you like. What does not depend on it is taken over from this run, and costs nothing.</p>
      {fields.map((field) => (
        <FieldEditor key={field.id} field={field} text={texts[field.id] ?? field.text} fault={made.faults[field.id] ?? null} change={(text) => setTexts({ ...texts, [field.id]: text })} />
      ))}
      <label className="check">
        <input type="checkbox" checked={isAgain} onChange={(event) => setAgain(event.target.checked)} /> <span>Execute <code>{detail.timing.task}</code> again, even where nothing is changed</span>
      </label>
      <label className="check">
        <input type="checkbox" checked={isAlone} onChange={(event) => setAlone(event.target.checked)} /> <span>Only this task, and nothing that depends on it</span>
      </label>
      <div className="row fork-actions">
        <button type="button" className={isPlanned ? "button" : "button primary"} disabled={made.body === null || isBusy} onClick={() => void see()}>See the plan</button>
        <button type="button" className={isPlanned ? "button primary" : "button"} disabled={!isPlanned || isBusy} onClick={() => (trust.isNeeded ? setAsked(true) : void start(trust.isTrusted))}>Run it</button>
        {made.changed > 0 && <button type="button" className="button quiet" onClick={() => { setTexts({}); setPlan(null); }}>Undo all changes</button>}
        {made.body === null && Object.keys(made.faults).length === 0 && <span className="faint">Nothing is changed yet.</span>}
      </div>
      {isAsked && <TrustNote run={run} trust={trust} what="Run the fork" onTrusted={() => void start(true)} onLeft={() => setAsked(false)} />}
      {fault !== null && <Fault error={fault} />}
      {plan !== null && <PlanShown plan={plan.plan} isCurrent={isPlanned} />}
    </div>
  );
}

interface EditorProps {
  field: Field;
  text: string;
  fault: string | null;
  change: (text: string) => void;
}

function FieldEditor({ field, text, fault, change }: EditorProps) {
  const isChanged = text !== field.text;
  const lines = Math.min(18, Math.max(2, linesOf(text) + 1));
  return (
    <label className={`fork-field ${isChanged ? "changed" : ""}`}>
      <span className="label">
        {field.group} <code>{field.name}</code> {isChanged && <span className="tag changed">changed</span>}
        {field.isJson && <span className="faint"> JSON</span>}
      </span>
      {field.isShort ? (
        <input value={text} onChange={(event) => change(event.target.value)} />
      ) : (
        <textarea className={field.isJson ? "mono" : ""} rows={lines} value={text} onChange={(event) => change(event.target.value)} aria-invalid={fault !== null || undefined} />
      )}
      {field.hint !== undefined && <span className="faint fork-hint">{visible(field.hint)}</span>}
      {fault !== null && <span className="bad-text" role="alert">{fault}</span>}
    </label>
  );
}

/** How many lines it takes, about, where long ones are broken. */
function linesOf(text: string): number {
  return text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / LINE)), 0);
}
