import { useEffect, useRef, useState } from "react";
import { duration } from "../../lib/format";
import { Icon } from "../../parts/icon";

const STEPS = 1000;
const PLAY_MS = 8000;

interface ScrubberProps {
  span: number;
  at: number | null;
  setAt: (at: number | null) => void;
  isRunning: boolean;
}

/** Moves the whole page through the time of the run. */
export function Scrubber({ span, at, setAt, isRunning }: ScrubberProps) {
  const [isPlaying, setPlaying] = useState(false);
  const now = useRef(at);
  now.current = at;
  useEffect(() => {
    if (!isPlaying) return;
    let frame = 0;
    let before = performance.now();
    function step(time: number): void {
      const next = (now.current ?? 0) + ((time - before) / PLAY_MS) * span;
      before = time;
      if (next >= span) {
        setAt(null);
        setPlaying(false);
        return;
      }
      setAt(next);
      frame = requestAnimationFrame(step);
    }
    frame = requestAnimationFrame(step);
    return () => cancelAnimationFrame(frame);
  }, [isPlaying, span, setAt]);
  const place = at === null ? STEPS : Math.round((at / Math.max(span, 0.001)) * STEPS);
  const said = at === null ? (isRunning ? "now" : "the end") : `${duration(at)} after the start`;
  return (
    <div className="scrubber">
      <button
        type="button"
        className="icon-button"
        aria-label={isPlaying ? "Stop" : "Play through the run"}
        title={isPlaying ? "Stop" : "Play through the run"}
        onClick={() => {
          if (!isPlaying && at === null) setAt(0);
          setPlaying(!isPlaying);
        }}
      >
        <Icon name={isPlaying ? "stop" : "play"} size={14} />
      </button>
      <input
        type="range"
        min={0}
        max={STEPS}
        value={place}
        aria-label="Moment of the run"
        aria-valuetext={said}
        onChange={(event) => {
          const value = Number(event.target.value);
          setPlaying(false);
          setAt(value >= STEPS ? null : (value / STEPS) * span);
        }}
      />
      <output className="scrubber-time">{at === null ? (isRunning ? "now" : duration(span)) : `${duration(at)} of ${duration(span)}`}</output>
      <button type="button" className="button small" disabled={at === null} onClick={() => { setPlaying(false); setAt(null); }}>
        {isRunning ? "Now" : "End"}
      </button>
    </div>
  );
}
