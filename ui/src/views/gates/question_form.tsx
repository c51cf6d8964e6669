import { type FormEvent, useState } from "react";
import { ApiError, apiPath, send } from "../../api/client";
import type { Json, Question } from "../../api/types";
import { inLines, moment } from "../../lib/format";
import { href } from "../../lib/router";
import { Fault } from "../../parts/states";
import { Value } from "../../parts/value";
import { useReadOnly } from "../../session_context";

interface FormProps {
  question: Question;
  onAnswered: () => void;
  /** Whether the run that asks is named and linked. */
  isAway?: boolean;
}

const AS_JSON = ["output"];

/** Something that a person is asked, and the way to answer it: once. */
export function QuestionForm({ question, onAnswered, isAway = false }: FormProps) {
  const [text, setText] = useState(question.default === null || question.kind === "approve" ? "" : inLines(question.default));
  const [feedback, setFeedback] = useState("");
  const [isRejecting, setRejecting] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [isEditing, setEditing] = useState(false);
  const [fault, setFault] = useState<ApiError | null>(null);
  const [done, setDone] = useState<{ goesOn: boolean } | null>(null);
  const isReadOnly = useReadOnly();
  const isOver = fault?.status === 409 || fault?.status === 410;

  async function answer(value: Json, said: string | null = null): Promise<void> {
    setBusy(true);
    setFault(null);
    try {
      const body = said === null || said.trim() === "" ? { answer: value } : { answer: value, feedback: said };
      const settled = await send<{ goes_on: boolean }>("POST", apiPath(["questions", question.id, "answer"]), body);
      setDone({ goesOn: settled.goes_on });
      onAnswered();
    } catch (error) {
      setFault(error instanceof ApiError ? error : new ApiError(0, String(error)));
    } finally {
      setBusy(false);
    }
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (isEditing || AS_JSON.includes(question.kind)) {
      const value = parsed(text);
      if (value === undefined) {
        setFault(new ApiError(0, "That is no JSON.", "Texts stand in quotes: \"like this\"."));
        return;
      }
      void answer(isEditing ? { edit: value } : value);
    } else {
      void answer(text);
    }
  }

  const isChoice = question.kind === "choose" || ((question.kind === "breakpoint" || question.kind === "budget") && question.choices.length > 0);
  return (
    <article className="question note asks">
      <header className="question-head">
        {isAway ? <h2>{question.text || "May it go on?"}</h2> : <h3>{question.text || "May it go on?"}</h3>}
        <p className="faint">
          {isAway && <a href={href(["runs", question.run_id], { task: question.task })}>{question.task} of {question.run_id}</a>}
          {!isAway && <code>{question.task}</code>}
          <span>asked {moment(question.asked_at)}</span>
          {question.deadline_at !== null && <span>to be answered until {moment(question.deadline_at)}</span>}
        </p>
      </header>
      <Shown shown={question.shown} />
      {done !== null ? (
        <p className="strong" role="status">
          Answered. {done.goesOn ? "The run goes on." : "No process executes the run: resume it, and it goes on."}
        </p>
      ) : isReadOnly ? (
        <p className="faint">This server only shows; answer with <code>binex answer {question.run_id}</code>.</p>
      ) : isOver ? null : question.kind === "approve" ? (
        <div>
          {isRejecting && (
            <label>
              <span className="label">What should be different?</span>
              <textarea value={feedback} onChange={(event) => setFeedback(event.target.value)} autoFocus />
            </label>
          )}
          <div className="row question-actions">
            {!isRejecting && (
              <button type="button" className="button primary" disabled={isBusy} onClick={() => void answer("approved")}>Approve</button>
            )}
            <button type="button" className="button danger" disabled={isBusy} onClick={() => (isRejecting ? void answer("rejected", feedback) : setRejecting(true))}>
              {isRejecting ? "Reject it" : "Reject…"}
            </button>
            {isRejecting && <button type="button" className="button quiet" onClick={() => setRejecting(false)}>Back</button>}
          </div>
        </div>
      ) : isChoice && !isEditing ? (
        <div className="row question-actions" role="group" aria-label="Choices">
          {question.choices.map((choice, index) => (
            <button key={choice} type="button" className={index === 0 ? "button primary" : "button"} disabled={isBusy} onClick={() => void answer(choice)}>{choice}</button>
          ))}
          {question.kind === "breakpoint" && (
            <button type="button" className="button quiet" onClick={() => { setText(inLines(shownAt(question.shown))); setEditing(true); }}>Edit the values…</button>
          )}
        </div>
      ) : (
        <form onSubmit={submit}>
          <label>
            <span className="label">{isEditing || AS_JSON.includes(question.kind) ? "Answer, as JSON" : "Answer"}</span>
            <textarea className={isEditing || AS_JSON.includes(question.kind) ? "mono" : ""} value={text} required onChange={(event) => setText(event.target.value)} />
          </label>
          <div className="row question-actions">
            <button type="submit" className="button primary" disabled={isBusy}>Answer</button>
            {isEditing && <button type="button" className="button quiet" onClick={() => setEditing(false)}>Back</button>}
          </div>
        </form>
      )}
      {fault !== null && <Fault error={fault} />}
    </article>
  );
}

function Shown({ shown }: { shown: Json }) {
  if (shown === null) return null;
  if (typeof shown !== "object" || Array.isArray(shown)) return <Value value={shown} label="what to look at" />;
  return (
    <div className="givens">
      {Object.entries(shown).map(([name, value]) => (
        <section key={name} className="given">
          <p className="given-name"><code>{name}</code></p>
          <Value value={value} label={name} />
        </section>
      ))}
    </div>
  );
}

/** What stands at a breakpoint: the inputs or the outputs themselves. */
function shownAt(shown: Json): Json {
  if (typeof shown !== "object" || shown === null || Array.isArray(shown)) return shown;
  return shown.inputs ?? shown.outputs ?? shown;
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
