import { ago, inUtc, moment } from "../lib/format";

/** A moment in the zone of this machine; in its title, in UTC. */
export function Time({ at }: { at: string }) {
  return (
    <time dateTime={at} title={inUtc(at)}>
      {moment(at)}
    </time>
  );
}

/** How long ago something was. */
export function Ago({ at, now }: { at: string; now: number }) {
  return (
    <time dateTime={at} title={`${moment(at)}\n${inUtc(at)}`}>
      {ago(at, now)}
    </time>
  );
}
