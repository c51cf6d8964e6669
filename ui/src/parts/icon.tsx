const PATHS = {
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4 4l8 8M12 4l-8 8",
  minus: "M3.5 8h9",
  warn: "M8 3v6M8 12.2v.3",
  play: "M5 3.5v9l7-4.5z",
  person: "M8 7.500a2.500 2.500 0 100-5 2.500 2.500 0 000 5zM3 14c.4-3 2.300-4.500 5-4.500s4.600 1.500 5 4.500",
  ring: "M8 3.500a4.500 4.500 0 100 9 4.500 4.500 0 000-9z",
  runs: "M3 4h10M3 8h10M3 12h6",
  gate: "M3 14V4.500M13 14V4.500M3 6.500h10M3 10h10",
  flow: "M4 4.500h3.500a2 2 0 012 2v3a2 2 0 002 2H13M2.500 4.500h.1M13 11.500h.1",
  chart: "M3 13V8M8 13V3M13 13V6",
  sun: "M8 5.200a2.800 2.800 0 100 5.600 2.800 2.800 0 000-5.600zM8 1.500v1M8 13.500v1M1.500 8h1M13.500 8h1M3.400 3.400l.7.7M11.900 11.900l.7.7M12.600 3.400l-.7.7M4.100 11.900l-.7.7",
  moon: "M12.800 9.800A5.300 5.300 0 016.200 3.200 5.300 5.300 0 1012.800 9.800z",
  system: "M2.500 3.500h11v7h-11zM6 13.500h4M8 10.500v3",
  down: "M4 6l4 4 4-4",
  right: "M6 4l4 4-4 4",
  left: "M10 4L6 8l4 4",
  fork: "M4 3v10M4 8h4a4 4 0 004-4V3",
  copy: "M5.500 5.500V3h7.500v7.500h-2.500M3 5.500h7.500V13H3z",
  search: "M7 3a4 4 0 100 8 4 4 0 000-8zM10 10l3.500 3.500",
  stop: "M4.500 4.500h7v7h-7z",
  again: "M12.500 8A4.500 4.500 0 118 3.500c1.800 0 3 .8 4 2M12.500 2.500v3h-3",
  compare: "M3 3h4v10H3zM9 3h4v10H9z",
  plus: "M8 3.500v9M3.500 8h9",
  fit: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  live: "M8 6.500a1.500 1.500 0 100 3 1.500 1.500 0 000-3zM4.500 4.500a5 5 0 000 7M11.500 4.500a5 5 0 010 7",
} as const;

export type IconName = keyof typeof PATHS;

/** A small drawing beside a word; readers of the page hear the word alone. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
