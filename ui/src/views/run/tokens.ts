import { useSyncExternalStore } from "react";

const LONGEST = 200_000;

/** What was said in one exchange with a model; its name is known when it is over. */
interface Piece {
  text: string;
  call: string | null;
}

/** What models are saying just now, by attempt; only the panel that shows it is drawn again when more comes in. */
export class Tokens {
  private readonly pieces = new Map<string, Piece[]>();
  private readonly listeners = new Set<() => void>();

  add(task: string, attempt: number, text: string): void {
    const known = this.pieces.get(`${task} ${attempt}`) ?? [];
    const last = known[known.length - 1];
    if (last === undefined || last.call !== null) known.push({ text, call: null });
    else last.text = (last.text + text).slice(-LONGEST);
    this.pieces.set(`${task} ${attempt}`, known);
    this.listeners.forEach((listener) => listener());
  }

  /** Note that the exchange is over which the last words came from. */
  end(task: string, attempt: number, number: number): void {
    const known = this.pieces.get(`${task} ${attempt}`) ?? [];
    const last = known[known.length - 1];
    if (last?.call === null) last.call = `${task}:${attempt}.${number}`;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** What is said in an attempt, without the exchanges that are shown already. */
  of(task: string, attempt: number, shown: ReadonlySet<string>): string {
    const known = this.pieces.get(`${task} ${attempt}`) ?? [];
    return known.filter((piece) => piece.call === null || !shown.has(piece.call)).map((piece) => piece.text).join("");
  }
}

export function useTokens(tokens: Tokens, task: string, attempt: number, shown: ReadonlySet<string>): string {
  return useSyncExternalStore(tokens.subscribe, () => tokens.of(task, attempt, shown));
}
