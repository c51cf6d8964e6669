import { useEffect, useState } from "react";

/** The time in milliseconds, anew every *pause* while *isOn*. */
export function useNow(isOn: boolean, pause = 1000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isOn) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), pause);
    return () => clearInterval(timer);
  }, [isOn, pause]);
  return now;
}
