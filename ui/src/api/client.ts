import { type Query, queryText } from "../lib/query";
import type { Json } from "./types";

/** What the server said instead of an answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fix: string | null = null,
    readonly kind = "",
  ) {
    super(message);
  }
}

/** A path below `/api`, its parts encoded. */
export function apiPath(parts: readonly string[], query: Query = {}): string {
  return `/api/${parts.map(encodeURIComponent).join("/")}${queryText(query)}`;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await answerOf(await reach(path, { signal, headers: { Accept: "application/json" } }))) as T;
}

export async function send<T>(
  method: "POST" | "PUT",
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const answer = await reach(path, {
    method,
    headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return (await answerOf(answer)) as T;
}

async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "The server does not answer.", "Is `binex ui` still running? Start it again, and open its address.");
  }
}

async function answerOf(answer: Response): Promise<Json> {
  const text = await answer.text();
  let value: Json = null;
  try {
    value = text ? (JSON.parse(text) as Json) : null;
  } catch {
    if (answer.ok) throw new ApiError(answer.status, "The server's answer is no JSON.");
  }
  if (answer.ok) return value;
  if (answer.status === 401) window.dispatchEvent(new Event("binex-signed-out"));
  const said = isRecord(value) && isRecord(value.error) ? value.error : {};
  const message = typeof said.message === "string" ? said.message : `The server answered ${answer.status}.`;
  const fix = typeof said.fix === "string" ? said.fix : null;
  throw new ApiError(answer.status, message, fix, typeof said.kind === "string" ? said.kind : "");
}

export function isRecord(value: unknown): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
