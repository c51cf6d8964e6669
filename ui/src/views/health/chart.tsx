import { type PointerEvent, useEffect, useRef, useState } from "react";
import type { Span } from "../../api/types";
import type { Figure } from "./asked";
import { longMoment, onAxis, said, shortMoment } from "./labels";
import { type Stack, ticksUpTo } from "./stacking";

const HEIGHT = 240;
const TOP = 10;
const BOTTOM = 24;
const RIGHT = 4;
const LETTER = 7;
const LABEL_ROOM = 76;
const WIDEST_BAR = 44;
const NARROW_BAR = 5;
const MOST_HOURS = 48;

/** A figure over time: a bar for each part of it, in which the series stand upon each other. The tables say the same. */
export function Chart({ stack, by, figure, title }: { stack: Stack; by: Span; figure: Figure; title: string }) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [active, setActive] = useState<number | null>(null);
  const most = Math.max(...stack.sums, 0);
  const ticks = ticksUpTo(most);
  const step = ticks[1] ?? 1;
  const top = ticks.at(-1) || 1;
  const labels = ticks.map((tick) => onAxis(tick, step, figure));
  const left = Math.max(...labels.map((label) => label.length)) * LETTER + 10;
  const room = Math.max(1, width - left - RIGHT);
  const band = room / Math.max(1, stack.starts.length);
  const bar = Math.max(1.5, Math.min(WIDEST_BAR, band * 0.78));
  const y = (value: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const x = (index: number): number => left + band * index + (band - bar) / 2;
  const named = labelledOf(stack.starts, by, band);
  const inBand = (event: PointerEvent<SVGSVGElement>): void => {
    const at = Math.floor((event.clientX - event.currentTarget.getBoundingClientRect().left - left) / band);
    setActive(at >= 0 && at < stack.starts.length ? at : null);
  };
  const shown = active === null ? null : stack.starts[active];
  return (
    <div className="chart-frame" ref={frame}>
      {width > 0 && (
        <svg width={width} height={HEIGHT} role="img" aria-label={title} onPointerMove={inBand} onPointerDown={inBand} onPointerLeave={() => setActive(null)}>
          {active !== null && <rect className="chart-active" x={left + band * active} y={TOP} width={Math.max(band, 2)} height={HEIGHT - TOP - BOTTOM} />}
          {ticks.map((tick, index) => (
            <g key={tick}>
              <line className={tick === 0 ? "chart-base" : "chart-line"} x1={left} x2={width - RIGHT} y1={Math.round(y(tick)) + 0.5} y2={Math.round(y(tick)) + 0.5} />
              <text className="chart-label" x={left - 8} y={y(tick) + 4} textAnchor="end">{labels[index]}</text>
            </g>
          ))}
          {barsOf(stack, x, y, bar).map((path, index) => <path key={stack.drawn[index]?.name} className={`series-${stack.drawn[index]?.colour}${bar < NARROW_BAR ? " narrow" : ""}`} d={path} />)}
          {named.map((index) => (
            <text key={index} className="chart-label" x={Math.min(left + band * (index + 0.5), width - LABEL_ROOM / 3)} y={HEIGHT - 7} textAnchor="middle">{shortMoment(stack.starts[index] ?? "", by, stack.starts.length === 1)}</text>
          ))}
        </svg>
      )}
      {active !== null && shown !== undefined && shown !== null && (
        <div className="chart-told panel" aria-hidden="true" style={left + band * (active + 0.5) > width / 2 ? { right: width - (left + band * active) + 6 } : { left: left + band * (active + 1) + 6 }}>
          <p className="strong">{longMoment(shown, by)}</p>
          {stack.drawn.filter((one) => (one.values[active] ?? 0) > 0).map((one) => (
            <p key={one.name}><span className={`swatch series-${one.colour}`} /><span className="chart-told-name">{one.name}</span><span className="number">{said(one.values[active] ?? 0, figure)}</span></p>
          ))}
          <p><span className="chart-told-name">together</span><span className="number strong">{said(stack.sums[active] ?? 0, figure)}</span></p>
        </div>
      )}
    </div>
  );
}

/** One path for each series: many parts of the time need no more elements than few. */
function barsOf(stack: Stack, x: (index: number) => number, y: (value: number) => number, width: number): string[] {
  const below = stack.starts.map(() => 0);
  return stack.drawn.map((one) =>
    one.values
      .map((value, index) => {
        if (value <= 0) return "";
        const from = below[index] ?? 0;
        below[index] = from + value;
        const height = Math.max(y(from) - y(from + value), 0.75);
        return `M${x(index).toFixed(2)} ${(y(from) - height).toFixed(2)}h${width.toFixed(2)}v${height.toFixed(2)}h${(-width).toFixed(2)}z`;
      })
      .join(""),
  );
}

/** Which parts of the time are named below the axis: as many as there is room for, of many hours those at midnight. */
function labelledOf(starts: readonly string[], by: Span, band: number): number[] {
  const isOfDays = by === "hour" && starts.length > MOST_HOURS;
  const all = starts.flatMap((start, index) => (!isOfDays || new Date(start).getHours() === 0 ? [index] : []));
  const every = Math.ceil(LABEL_ROOM / (band * (isOfDays ? 24 : 1)));
  return all.filter((_, place) => (all.length - 1 - place) % every === 0);
}

function useWidth(frame: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, [frame]);
  return width;
}
