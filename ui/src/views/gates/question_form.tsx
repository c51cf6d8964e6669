import { type FormEvent, useState } from "react";
import { ApiError, apiPath, send } from "../../api/client";
import type { Json, Question } from "../../api/types";
import { inLines } from "../../lib/format";
import { href } from "../../lib/router";
import { Fault } from "../../parts/states";
import { Time } from "../../parts/time";
import { Value } from "../../parts/value";
import { useReadOnly } from "../../session_context";

interface FormProps {
  question: Question;
  onAnswered: () => void;
  /** Whether the run that asks is named and linked. */
  isAway?: boolean;
}

const AS_JSON = ["output"];
/** What the choices at a breakpoint mean. */
const STOPS: Record<string, { word: string; title: string }> = {
  continue: { word: "Continue", title: "Go on, up to the next breakpoint" },
  step: { word: "Step", title: "Go on, and stop before the next task" },
  edit: { word: "Edit the values…", title: "Go on with other inputs, or another output" },
  retry: { word: "Retry", title: "Execute the task again" },
  replay: { word: "Fork here", title: "End this run, and fork it from this task" },
  skip: { word: "Skip", title: "Do not execute the task; what depends on it gets null" },
  quit: { word: "Quit", title: "End the run as interrupted; it can be resumed" },
};

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

  function edit(): void {
    setText(JSON.stringify(shownAt(question.shown), null, 2));
    setEditing(true);
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
          <span>asked <Time at={question.asked_at} /></span>
          {question.deadline_at !== null && <span>to be answered until <Time at={question.deadline_at} /></span>}
        </p>
      </header>
      <Shown shown={question.shown} />
      {done !== null ? (
        <Done question={question} goesOn={done.goesOn} onResumed={onAnswered} />
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
          {question.choices.map((choice, index) => {
            const stop = question.kind === "breakpoint" ? STOPS[choice] : undefined;
            const isEdit = question.kind === "breakpoint" && choice === "edit";
            return (
              <button
                key={choice}
                type="button"
                className={index === 0 ? "button primary" : "button"}
                disabled={isBusy}
                title={stop?.title}
                onClick={() => (isEdit ? edit() : void answer(choice))}
              >
                {stop?.word ?? choice}
              </button>
            );
          })}
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

/** What follows from the answer: where no process executes the run any more, it has to be resumed. */
function Done({ question, goesOn, onResumed }: { question: Question; goesOn: boolean; onResumed: () => void }) {
  const [state, setState] = useState<"asked" | "busy" | "resumed">("asked");
  const [fault, setFault] = useState<ApiError | null>(null);
  async function resume(): Promise<void> {
    setState("busy");
    setFault(null);
    try {
      await send("POST", apiPath(["runs", question.run_id, "resume"]), {});
      setState("resumed");
      onResumed();
    } catch (error) {
      setState("asked");
      setFault(error instanceof ApiError ? error : new ApiError(0, String(error)));
    }
  }
  const run = <a href={href(["runs", question.run_id])}>The run</a>;
  return (
    <>
      <p className="strong" role="status">
        Answered. {goesOn || state === "resumed" ? <>{run} goes on.</> : <>{run} is not executed by any process: resume it, and it goes on.</>}
      </p>
      {!goesOn && state !== "resumed" && (
        <button type="button" className="button" disabled={state === "busy"} onClick={() => void resume()}>Resume the run</button>
      )}
      {fault !== null && <Fault error={fault} />}
    </>
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
