import { useState } from "react";
import { isRecord } from "../../../api/client";
import type { AttemptDetail, Json, Round, Run, SeenMessage, TaskDetail, TaskTrace, ToolUse } from "../../../api/types";
import { inLine, inLines, plural, visible } from "../../../lib/format";
import { Empty } from "../../../parts/states";
import { LongText } from "../../../parts/long_text";
import { Value } from "../../../parts/value";
import { type Tokens, useTokens } from "../tokens";

const MOST_MESSAGES = 30;

interface TalkProps {
  run: Run;
  detail: TaskDetail;
  /** The task as it is now, which is known before it can be read in full. */
  now: TaskTrace;
  at: number | null;
  tokens: Tokens;
}

/** What was said between the task and models: exactly what the model was given, and what it answered. */
export function TalkPanel({ run, detail, now, at, tokens }: TalkProps) {
  const start = new Date(run.started_at).getTime();
  const attempts = detail.attempts.filter((attempt) => attempt.rounds.length > 0);
  const isOwn = detail.executed_run === run.id;
  const running = now.attempts.find((attempt) => attempt.status === "running");
  const next = running?.attempt ?? (now.status === "running" ? now.attempts.length || 1 : null);
  return (
    <div className="talk">
      {attempts.map((attempt) => (
        <AttemptTalk
          key={attempt.record.attempt}
          attempt={attempt}
          isOne={attempts.length === 1}
          isShown={(round) => at === null || !isOwn || beganBy(attempt, round, start + at)}
        />
      ))}
      {at === null && detail.rounds_so_far.map((round, index) => <RoundTalk key={round.call} round={round} number={index + 1} />)}
      {next !== null && at === null && <Streaming tokens={tokens} task={detail.timing.task} attempt={next} shown={new Set(detail.rounds_so_far.map((round) => round.call))} />}
      {attempts.length === 0 && next === null && detail.rounds_so_far.length === 0 && (
        <Empty title="It asked no model">
          {detail.timing.status === "skipped" ? "It was skipped." : "What else it exchanged stands under Attempts."}
        </Empty>
      )}
    </div>
  );
}

function Streaming({ tokens, task, attempt, shown }: { tokens: Tokens; task: string; attempt: number; shown: ReadonlySet<string> }) {
  const text = useTokens(tokens, task, attempt, shown);
  return (
    <div className="message assistant live" aria-busy="true">
      <p className="message-role">
        <span className="role">model</span> <span className="live-note">is answering…</span>
      </p>
      <pre className="prose streamed" data-testid="streamed">{text === "" ? "…" : visible(text)}</pre>
    </div>
  );
}

function AttemptTalk({ attempt, isOne, isShown }: { attempt: AttemptDetail; isOne: boolean; isShown: (round: Round) => boolean }) {
  const shown = attempt.rounds.filter(isShown);
  return (
    <section>
      {!isOne && <h3 className="attempt-title">Attempt {attempt.record.attempt}</h3>}
      {shown.map((round, index) => (
        <RoundTalk key={round.call} round={round} number={attempt.rounds.length > 1 ? index + 1 : null} />
      ))}
      {shown.length < attempt.rounds.length && (
        <p className="faint">{shown.length === 0 ? "At this moment nothing had been said yet; there was" : "Later there was"} {plural(attempt.rounds.length - shown.length, "round")} more.</p>
      )}
    </section>
  );
}

function RoundTalk({ round, number }: { round: Round; number: number | null }) {
  const [most, setMost] = useState(MOST_MESSAGES);
  const settings = Object.entries(round.settings);
  return (
    <div className="round">
      <p className="round-head">
        {number !== null && <span className="strong">Round {number}</span>}
        <code>{round.model}</code>
        {settings.map(([name, value]) => (
          <span key={name} className="tag">
            {name} {inLine(value).slice(0, 60)}
          </span>
        ))}
        {round.tools.length > 0 && <span className="faint">may use {round.tools.join(", ")}</span>}
      </p>
      {round.is_continued && <p className="continued">… all that was said before, and then</p>}
      {round.messages.slice(0, most).map((message, index) => (
        <Message key={index} message={message} />
      ))}
      {round.messages.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 200)}>
          Show more of {plural(round.messages.length, "message")}
        </button>
      )}
      {(round.reply !== null || round.tool_uses.length > 0) && (
        <div className="message assistant">
          <p className="message-role"><span className="role">reply</span></p>
          {round.reply !== null && <Value value={asJson(round.reply)} label="reply" />}
          {round.tool_uses.map((use, index) => <Tool key={index} use={use} />)}
        </div>
      )}
      {round.error !== null && <p className="note bad error-text">{round.error}</p>}
    </div>
  );
}

function Message({ message }: { message: SeenMessage }) {
  const text = textOf(message.content);
  return (
    <div className={`message ${/^[a-z]+$/.test(message.role) ? message.role : ""}`}>
      <p className="message-role">
        <span className="role">{message.role}</span>
        {message.name !== null && <code className="faint">{message.name}</code>}
      </p>
      {text !== null ? text !== "" && <LongText text={text} label={`${message.role} message`} mono={false} /> : <Value value={message.content} label={`${message.role} message`} />}
      {message.tool_uses.map((use, index) => <Tool key={index} use={use} />)}
    </div>
  );
}

function Tool({ use }: { use: ToolUse }) {
  return (
    <details className="tool-use">
      <summary>
        <span className="role">tool</span> <code>{use.name}</code> <span className="tool-arguments">{visible(use.arguments.slice(0, 120))}</span>
      </summary>
      <p className="label">asked with</p>
      <LongText text={pretty(use.arguments)} label="arguments" />
      <p className="label">what the model was told</p>
      {use.result === null ? <p className="faint">It never was told anything.</p> : <LongText text={pretty(use.result)} label="result" />}
    </details>
  );
}

/** The text of a message; null where it is more than text. */
function textOf(content: Json): string | null {
  if (typeof content === "string") return content;
  if (content === null) return "";
  const pieces = Array.isArray(content) ? content : [];
  const texts = pieces.map((piece) => (isRecord(piece) && piece.type === "text" && typeof piece.text === "string" ? piece.text : null));
  return texts.length > 0 && texts.every((text) => text !== null) ? texts.join("\n\n") : null;
}

function asJson(text: string): Json {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function pretty(text: string): string {
  return inLines(asJson(text));
}

function beganBy(attempt: AttemptDetail, round: Round, until: number): boolean {
  const call = attempt.calls.find(({ call }) => `${call.task}:${call.attempt}.${call.number}` === round.call);
  return call === undefined || new Date(call.call.started_at).getTime() <= until;
}
