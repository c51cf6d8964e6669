import { useSyncExternalStore } from "react";

/** Fired when the server answers again after it did not. */
export const AGAIN = "binex-connected-again";
/** A stream that ends and comes back at once is no loss. */
const PATIENCE_MS = 1200;

let isConnected = true;
let losing: ReturnType<typeof setTimeout> | null = null;
const standing = new Set<object>();
const broken = new Set<object>();
const listeners = new Set<() => void>();

/** Note whether a stream of events stands. */
export function noteConnection(stream: object, isUp: boolean): void {
  (isUp ? standing : broken).add(stream);
  (isUp ? broken : standing).delete(stream);
  settle();
}

/** Note that a stream is no longer wanted: whether it stood says nothing any more. */
export function forgetConnection(stream: object): void {
  standing.delete(stream);
  broken.delete(stream);
  settle();
}

function settle(): void {
  if (broken.size > 0) {
    losing ??= setTimeout(() => show(false), PATIENCE_MS);
    return;
  }
  if (losing !== null) clearTimeout(losing);
  losing = null;
  if (isConnected || standing.size === 0) return;
  show(true);
  window.dispatchEvent(new Event(AGAIN));
}

/** Whether the server tells what happens. */
export function useConnection(): boolean {
  return useSyncExternalStore(subscribe, () => isConnected);
}

function show(isUp: boolean): void {
  isConnected = isUp;
  listeners.forEach((listener) => listener());
}

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  return () => listeners.delete(changed);
}
