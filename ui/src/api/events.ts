import { useEffect, useRef } from "react";
import { apiPath, get, isRecord } from "./client";
import { forgetConnection, noteConnection } from "./connection";
import type { Json } from "./types";

const KINDS = ["run", "task", "call", "token", "question", "end", "reset"] as const;
type EventKind = (typeof KINDS)[number];

export interface Told {
  kind: EventKind;
  data: Json;
}

type Listener = (told: Told) => void;

/** The number of the event with which a run began, where it was heard of: what came since then can be asked for. */
const begun = new Map<string, string>();
const MOST_REMEMBERED = 500;
const TRY_AGAIN_MS = 1500;

/**
 * One stream for all who listen to the same. A browser has few connections to one address for all its tabs together,
 * so a tab that nobody sees has none; when it is seen again, the server tells what was missed, or that too much was.
 */
class Channel {
  private readonly listeners = new Set<Listener>();
  private source: EventSource | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  /** The number of the last event that was heard. */
  private last: string | null;

  constructor(private readonly run: string | null) {
    this.last = (run === null ? null : begun.get(run)) ?? null;
  }

  get isUnused(): boolean {
    return this.listeners.size === 0;
  }

  add(listener: Listener): void {
    this.listeners.add(listener);
    if (!document.hidden) this.open();
  }

  remove(listener: Listener): void {
    this.listeners.delete(listener);
    if (this.isUnused) this.close();
  }

  seen(isSeen: boolean): void {
    if (isSeen) this.open();
    else this.close();
  }

  private open(): void {
    if (this.source !== null || this.retry !== null) return;
    this.source = new EventSource(apiPath(["events"], { run: this.run, since: this.last }));
    // What happened after the first answers and before this stream is told by nobody.
    let hasGap = this.last === null;
    this.source.onopen = () => {
      noteConnection(this, true);
      if (hasGap) this.tell({ kind: "reset", data: {} });
      hasGap = false;
    };
    this.source.onerror = () => this.broke();
    for (const kind of KINDS) {
      this.source.addEventListener(kind, (event: MessageEvent<string>) => {
        try {
          const data = JSON.parse(event.data) as Json;
          if (event.lastEventId !== "") this.last = event.lastEventId;
          if (kind === "run") remember(data, event.lastEventId);
          this.tell({ kind, data });
        } catch {
          // An event that cannot be read says nothing; the state itself is asked for anyway.
        }
      });
    }
  }

  /** A browser tries again by itself, unless it was answered otherwise than with events; then it is asked here. */
  private broke(): void {
    noteConnection(this, false);
    if (this.source?.readyState !== EventSource.CLOSED) return;
    this.source = null;
    this.retry = setTimeout(() => void this.comeBack(), TRY_AGAIN_MS);
  }

  private async comeBack(): Promise<void> {
    try {
      await get("/api/session"); // who is no longer signed in is told so
    } catch {
      // It goes on trying as long as somebody listens.
    }
    if (this.retry === null) return;
    this.retry = null;
    this.open();
  }

  private close(): void {
    this.source?.close();
    this.source = null;
    forgetConnection(this);
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
  }

  private tell(told: Told): void {
    for (const listener of this.listeners) listener(told);
  }
}

const channels = new Map<string | null, Channel>();

document.addEventListener("visibilitychange", () => {
  for (const channel of channels.values()) channel.seen(!document.hidden);
});

/** Call *listener* for everything that the server tells, of one run or of all; the browser resumes by itself. */
export function useEvents(run: string | null, isOn: boolean, listener: Listener): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    if (!isOn) return;
    const channel = channels.get(run) ?? new Channel(run);
    channels.set(run, channel);
    const hear: Listener = (told) => latest.current(told);
    channel.add(hear);
    return () => {
      channel.remove(hear);
      if (channel.isUnused) channels.delete(run);
    };
  }, [run, isOn]);
}

function remember(data: Json, id: string): void {
  if (!isRecord(data) || data.type !== "RunStarted" || typeof data.run_id !== "string" || id === "") return;
  if (begun.size >= MOST_REMEMBERED) begun.clear();
  begun.set(data.run_id, id);
}
