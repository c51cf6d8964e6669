import { type FormEvent, useState } from "react";
import { ApiError, apiPath, send } from "../../api/client";
import type { InputSpec, Json, RunPreview } from "../../api/types";
import { inLines } from "../../lib/format";
import { go, href } from "../../lib/router";
import { Icon } from "../../parts/icon";
import { Fault } from "../../parts/states";
import { Plan } from "./plan";

interface FormProps {
  file: string;
  text: string;
  inputs: Record<string, InputSpec>;
  isUsable: boolean;
  isChanged: boolean;
  save: () => Promise<boolean>;
}

/** A form made from the inputs of a workflow: it plans the text as it is written, and runs the file as it is saved. */
export function RunForm({ file, text, inputs, isUsable, isChanged, save }: FormProps) {
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [plan, setPlan] = useState<{ plan: RunPreview; of: string } | null>(null);
  const [fault, setFault] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const names = Object.keys(inputs);
  const now = JSON.stringify([text, texts]);
  async function attempt(act: (vars: Record<string, Json>) => Promise<void>): Promise<void> {
    setBusy(true);
    setFault(null);
    try {
      const vars: Record<string, Json> = {};
      for (const [name, said] of Object.entries(texts)) if (name in inputs && said !== "") vars[name] = readAs(name, said, inputs[name]);
      await act(vars);
    } catch (error) {
      setFault(error instanceof ApiError ? error : new ApiError(0, String(error)));
    } finally {
      setBusy(false);
    }
  }
  const see = (): Promise<void> =>
    attempt(async (vars) => setPlan({ plan: await send<RunPreview>("POST", "/api/workflows/plan", { text, name: file, vars }), of: now }));
  const start = (): Promise<void> =>
    attempt(async (vars) => {
      if (isChanged && !(await save())) return;
      const answer = await send<{ run: string }>("POST", apiPath(["workflows", file, "run"]), { vars });
      go(href(["runs", answer.run]));
    });
  function submit(event: FormEvent): void {
    event.preventDefault();
    void start();
  }
  return (
    <div className={`run-pane ${plan === null ? "" : "planned"}`}>
      <form className="run-form" onSubmit={submit} aria-label="Run the workflow">
        {names.map((name) => (
          <Field key={name} name={name} spec={inputs[name]} text={texts[name]} change={(said) => setTexts({ ...texts, [name]: said })} />
        ))}
        <div className="row">
          <button type="submit" className="button primary" disabled={!isUsable || isBusy}>
            <Icon name="play" size={14} /> {isChanged ? "Save and run" : "Run"}
          </button>
          <button type="button" className="button" disabled={!isUsable || isBusy} onClick={() => void see()}>See the plan</button>
          {!isUsable && <span className="faint">The text has to be a workflow first.</span>}
        </div>
      </form>
      {fault !== null && <Fault error={fault} />}
      {plan !== null && <Plan plan={plan.plan} isCurrent={plan.of === now} />}
    </div>
  );
}

interface FieldProps {
  name: string;
  spec: InputSpec | undefined;
  text: string | undefined;
  change: (text: string) => void;
}

function Field({ name, spec, text, change }: FieldProps) {
  const value = text ?? (spec?.default == null ? "" : inLines(spec.default));
  const isNeeded = spec?.default == null && spec?.required !== false;
  return (
    <label>
      <span className="label">
        <code className="field-name">{name}</code> {[spec?.type ?? "", isNeeded ? "needed" : ""].filter((one) => one !== "").join(", ")}{spec?.description && `: ${spec.description}`}
      </span>
      {spec?.type === "boolean" ? (
        <select value={value} required={isNeeded} onChange={(event) => change(event.target.value)}>
          <option value="">{isNeeded ? "choose" : "as it is"}</option>
          <option value="true">true</option>
          <option value="false">false</option>
        </select>
      ) : spec?.type === "array" || spec?.type === "object" ? (
        <textarea className="mono" rows={3} value={value} required={isNeeded} onChange={(event) => change(event.target.value)} />
      ) : (
        <input value={value} required={isNeeded} onChange={(event) => change(event.target.value)} />
      )}
    </label>
  );
}

function readAs(name: string, text: string, spec: InputSpec | undefined): Json {
  if (spec?.type == null || spec.type === "string") return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new ApiError(0, `'${name}' is no ${spec.type}.`, "Write it as JSON.");
  }
}
