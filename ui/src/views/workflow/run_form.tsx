import { type FormEvent, useState } from "react";
import { ApiError, apiPath, send } from "../../api/client";
import type { InputSpec, Json } from "../../api/types";
import { inLines } from "../../lib/format";
import { go, href } from "../../lib/router";
import { Icon } from "../../parts/icon";
import { Fault } from "../../parts/states";

interface FormProps {
  file: string;
  inputs: Record<string, InputSpec>;
  isUsable: boolean;
  isChanged: boolean;
  save: () => Promise<boolean>;
}

/** A form made from the inputs of a workflow; it runs the file as it is saved. */
export function RunForm({ file, inputs, isUsable, isChanged, save }: FormProps) {
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [fault, setFault] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const names = Object.keys(inputs);
  async function start(event: FormEvent): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setFault(null);
    try {
      if (isChanged && !(await save())) return;
      const vars: Record<string, Json> = {};
      for (const [name, text] of Object.entries(texts)) if (name in inputs && text !== "") vars[name] = readAs(name, text, inputs[name]);
      const answer = await send<{ run: string }>("POST", apiPath(["workflows", file, "run"]), { vars });
      go(href(["runs", answer.run]));
    } catch (error) {
      setFault(error instanceof ApiError ? error : new ApiError(0, String(error)));
    } finally {
      setBusy(false);
    }
  }
  return (
    <form className="run-form" onSubmit={(event) => void start(event)} aria-label="Run the workflow">
      {names.map((name) => {
        const spec = inputs[name];
        const isLong = spec?.type === "array" || spec?.type === "object";
        const value = texts[name] ?? (spec?.default == null ? "" : inLines(spec.default));
        const change = (text: string): void => setTexts({ ...texts, [name]: text });
        return (
          <label key={name}>
            <span className="label"><code>{name}</code> {spec?.type ?? ""} {spec?.description}</span>
            {spec?.type === "boolean" ? (
              <select value={value} onChange={(event) => change(event.target.value)}>
                <option value="">as it is</option>
                <option value="true">true</option>
                <option value="false">false</option>
              </select>
            ) : isLong ? (
              <textarea className="mono" rows={3} value={value} onChange={(event) => change(event.target.value)} />
            ) : (
              <input value={value} required={spec?.default == null && spec?.required !== false} onChange={(event) => change(event.target.value)} />
            )}
          </label>
        );
      })}
      <button type="submit" className="button primary" disabled={!isUsable || isBusy}>
        <Icon name="play" size={14} /> {isChanged ? "Save and run" : "Run"}
      </button>
      {fault !== null && <Fault error={fault} />}
    </form>
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
