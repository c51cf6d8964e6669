import type { RunStatus, TaskStatus } from "../api/types";
import { toneOf, toneOfRun, type Tone, wordOf } from "../lib/status";
import { Icon, type IconName } from "./icon";

const ICONS: Record<Tone, IconName> = {
  good: "check",
  bad: "cross",
  warn: "warn",
  busy: "play",
  asks: "person",
  quiet: "minus",
};

/** Where something stands: a sign and a word, never colour alone. */
export function Mark({ tone, word }: { tone: Tone; word: string }) {
  return (
    <span className={`mark ${tone}`}>
      <span className="mark-sign">
        <Icon name={ICONS[tone]} size={12} />
      </span>
      <span className="mark-word">{word}</span>
    </span>
  );
}

export function Status({ status }: { status: TaskStatus | null }) {
  return <Mark tone={toneOf(status)} word={wordOf(status)} />;
}

export function StatusOfRun({ status }: { status: RunStatus }) {
  return <Mark tone={toneOfRun(status)} word={wordOf(status)} />;
}
