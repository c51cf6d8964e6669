export const WIDTH = 208;
export const HEIGHT = 62;

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  places: Map<string, Point>;
  /** The corners of each edge, by its ends. */
  routes: Map<string, Point[]>;
}

export function keyOf(before: string, after: string): string {
  return `${before} ${after}`;
}
