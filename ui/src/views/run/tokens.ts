import { useSyncExternalStore } from "react";

const LONGEST = 200_000;

/** What models are saying just now, by attempt; only the panel that shows it is drawn again when more comes in. */
export class Tokens {
  private readonly texts = new Map<string, string>();
  private readonly listeners = new Set<() => void>();

  add(task: string, attempt: number, text: string): void {
    const key = `${task} ${attempt}`;
    this.texts.set(key, ((this.texts.get(key) ?? "") + text).slice(-LONGEST));
    this.listeners.forEach((listener) => listener());
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  of(task: string, attempt: number): string {
    return this.texts.get(`${task} ${attempt}`) ?? "";
  }
}

export function useTokens(tokens: Tokens, task: string, attempt: number): string {
  return useSyncExternalStore(tokens.subscribe, () => tokens.of(task, attempt));
}
