import type { Figures, Series } from "../../api/types";
import { type Figure, nameOf, valueOf } from "./asked";

/** So many are told apart by colour; what is beyond them stands together as the last one. */
export const MOST_DRAWN = 7;

/** A series as it is drawn. */
export interface Drawn {
  name: string;
  colour: number;
  total: number;
  /** One for each part of the time. */
  values: number[];
}

export interface Stack {
  /** Where the parts of the time begin. */
  starts: string[];
  /** The largest first. */
  drawn: Drawn[];
  /** All together, in each part. */
  sums: number[];
}

/** The series upon each other, the largest at the bottom. */
export function stackOf(series: readonly Series[], figure: Figure): Stack {
  const value = (figures: Figures): number => valueOf(figures, figure);
  const places = placesOf(series);
  const all = series
    .map((one) => ({ name: nameOf(one), total: value(one.figures), values: one.buckets.map((bucket) => value(bucket.figures)) }))
    .filter((one) => one.total > 0)
    .sort((one, other) => other.total - one.total);
  const isTooMany = all.length > MOST_DRAWN + 1;
  const rest = isTooMany ? all.slice(MOST_DRAWN) : [];
  const drawn: Drawn[] = (isTooMany ? all.slice(0, MOST_DRAWN) : all).map((one, index) => ({ ...one, colour: places.get(one.name) ?? index }));
  if (rest.length > 0) {
    drawn.push({ name: `${rest.length} others`, colour: MOST_DRAWN, total: rest.reduce((sum, one) => sum + one.total, 0), values: added(rest.map((one) => one.values)) });
  }
  return {
    starts: series[0]?.buckets.map((bucket) => bucket.start) ?? [],
    drawn,
    sums: added(drawn.map((one) => one.values)),
  };
}

/** Colours that stay the same whichever figure is drawn; none where there are more series than colours. */
function placesOf(series: readonly Series[]): Map<string, number> {
  if (series.length > MOST_DRAWN + 1) return new Map();
  const ordered = [...series].sort((one, other) => other.figures.cost_usd - one.figures.cost_usd || other.figures.count - one.figures.count);
  return new Map(ordered.map((one, index) => [nameOf(one), index]));
}

function added(rows: readonly number[][]): number[] {
  return (rows[0] ?? []).map((_, index) => rows.reduce((sum, row) => sum + (row[index] ?? 0), 0));
}

/** Round values from 0 to at least *most*, few enough to be read. */
export function ticksUpTo(most: number, few = 4): number[] {
  if (most <= 0) return [0];
  const rough = most / few;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((one) => one * power >= rough) ?? 10) * power;
  const ticks = [0];
  while ((ticks.at(-1) ?? 0) < most * 0.999) ticks.push(ticks.length * step);
  return ticks;
}
