import type { Span } from "../../api/types";
import { count, dollars } from "../../lib/format";
import type { Figure } from "./asked";

const dayed = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const weekdayed = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });
const yeared = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", year: "numeric" });
const houred = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** When a part of the time begins, in few letters: what stands below the axis. */
export function shortMoment(start: string, by: Span, isAlone = false): string {
  const at = new Date(start);
  if (by === "hour" && isAlone) return `${dayed.format(at)}, ${houred.format(at)}`;
  return by === "hour" && at.getHours() !== 0 ? houred.format(at) : dayed.format(at);
}

/** Which part of the time it is, in full. */
export function longMoment(start: string, by: Span): string {
  const at = new Date(start);
  const day = (at.getFullYear() === new Date().getFullYear() ? weekdayed : yeared).format(at);
  if (by === "hour") return `${day}, ${houred.format(at)}`;
  return by === "week" ? `week of ${day}` : day;
}

/** A value beside the axis, all of them with as many digits as their step needs. */
export function onAxis(value: number, step: number, figure: Figure): string {
  if (figure !== "cost") return short.format(value);
  if (value === 0) return "$0";
  const digits = Math.min(6, Math.max(step < 1 ? 2 : 0, Math.ceil(-Math.log10(step)) + (isRound(step) ? 0 : 1)));
  return value >= 10_000 ? `$${short.format(value)}` : `$${value.toFixed(digits)}`;
}

export function said(value: number, figure: Figure): string {
  return figure === "cost" ? dollars(value) : count(value);
}

/** Whether it is 1, 2 or 5 and noughts, not 25. */
function isRound(step: number): boolean {
  const first = step / 10 ** Math.floor(Math.log10(step) + 1e-9);
  return Math.abs(first - Math.round(first)) < 1e-6;
}

/** Never 100 % or 0 % where that is not exactly so. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  return `${Math.min(99, Math.max(1, Math.round(share * 100)))} %`;
}
