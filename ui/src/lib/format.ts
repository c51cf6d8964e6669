import type { Json, Spend } from "../api/types";

export const NOTHING = "–";
const counted = new Intl.NumberFormat("en-US");
const dated = new Intl.DateTimeFormat("en-GB", {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

export function count(value: number): string {
  return counted.format(value);
}

/** `1 task`, `3 tasks`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return NOTHING;
  if (ms < 10) return `${trimmed(ms, 1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${trimmed(ms / 1000, ms < 9950 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${count(Math.round(minutes / 1440))} days`;
}

export function dollars(value: number): string {
  if (value === 0) return "$0";
  if (Math.abs(value) < 0.0001) return "< $0.0001";
  return `$${value.toFixed(Math.abs(value) < 1 ? 4 : 2)}`;
}

/** What was spent; a `+` stands behind it where some calls have no known price. */
export function spent(spend: Spend | null): string {
  if (spend === null || spend.model_calls === 0) return NOTHING;
  if (spend.unpriced_calls === spend.model_calls && spend.cost_usd === 0) return "not priced";
  return `${dollars(spend.cost_usd)}${spend.unpriced_calls > 0 ? " +" : ""}`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  const units = ["kB", "MB", "GB"];
  let value = size / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${trimmed(value, value < 10 ? 1 : 0)} ${units[unit]}`;
}

export function moment(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : dated.format(at);
}

/** The same moment in UTC, for whoever is in another zone. */
export function inUtc(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : `${at.toISOString().replace("T", " ").replace(/\.\d+Z$/, "")} UTC`;
}

export function ago(text: string, now = Date.now()): string {
  const seconds = (now - new Date(text).getTime()) / 1000;
  if (Number.isNaN(seconds)) return text;
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return plural(Math.floor(seconds / 86_400), "day") + " ago";
}

const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]/g;

/** Text in which what cannot be seen is named, so that no text looks like another one: `⟨ESC⟩`, `⟨U+202E⟩`. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (one, at: number) => {
    const code = one.charCodeAt(0);
    if (code === 0x0d && text[at + 1] === "\n") return "";
    if (code === 0x1b) return "⟨ESC⟩";
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/** Text as it is, all else as JSON in one line. */
export function inLine(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function inLines(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** The first *most* characters, and whether there are more; no character is cut in two. */
export function beginning(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = /[\uD800-\uDBFF]/.test(text[most - 1] ?? "") ? most - 1 : most;
  return text.slice(0, end);
}

export function words(name: string): string {
  return name.replaceAll("_", " ");
}

function trimmed(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.0+$/, "").replace(/(\.\d*?)0+$/, "$1");
}
