import { apiPath } from "../../api/client";
import type { FamilyPage } from "../../api/types";
import { useGet } from "../../api/use";
import { duration, plural } from "../../lib/format";
import { href } from "../../lib/router";
import { Fault, Loading } from "../../parts/states";
import { StatusOfRun } from "../../parts/status";

const MOST = 200;
const DEEPEST = 8;

/** The runs that were made from each other, each below the one that it was made from. */
export function FamilyTree({ run }: { run: string }) {
  const family = useGet<FamilyPage>(apiPath(["runs", run, "family"]));
  if (family.error !== null) return <Fault error={family.error} retry={family.reload} />;
  if (family.data === null) return <Loading what="Looking for related runs" />;
  const found = family.data.families[0];
  if (found === undefined || found.runs.length < 2) {
    return <p className="faint">It was made from no other run, and none was made from it.</p>;
  }
  return (
    <div className="family">
      <ul className="plain" aria-label="Related runs">
        {found.runs.slice(0, MOST).map((member) => (
          <li key={member.run.id} data-depth={Math.min(member.depth, DEEPEST)} aria-current={member.run.id === run || undefined}>
            <StatusOfRun status={member.run.status} />
            <a href={href(["runs", member.run.id])}>
              <code>{member.run.id}</code>
            </a>
            <span className="family-change">{member.change || (member.run.origin?.mode ?? "run from the start")}</span>
            <span className="faint">{duration(member.run.duration_ms)}</span>
            {member.run.origin !== null && (
              <a className="family-diff" href={href(["diff"], { run: [member.run.origin.parent, member.run.id] })}>
                diff
              </a>
            )}
          </li>
        ))}
      </ul>
      {found.runs.length > MOST && <p className="faint">and {plural(found.runs.length - MOST, "more run")}</p>}
      {found.is_root_missing && <p className="faint">The run that all of them go back to has been removed.</p>}
    </div>
  );
}
