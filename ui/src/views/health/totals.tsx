import type { Figures } from "../../api/types";
import { count, dollars, NOTHING, plural } from "../../lib/format";
import { addressOf } from "./choosers";
import type { Asked } from "./asked";
import { percent } from "./labels";

/** All together, and what is not known of it. */
export function Totals({ figures, counted, asked }: { figures: Figures; counted: string; asked: Asked }) {
  const { cost_usd: cost, unpriced_calls: unpriced, success } = figures;
  return (
    <>
      <dl className="totals">
        <Total name="Spent" value={`${dollars(cost)}${unpriced > 0 ? " +" : ""}`} />
        <Total name={`${counted}s`} value={count(figures.count)} />
        <Total name={`each ${counted}`} value={figures.count === 0 ? NOTHING : dollars(cost / figures.count)} />
        <Total name="succeeded" value={success === null ? NOTHING : percent(success.rate)} />
        <Total name="tokens read" value={count(figures.input_tokens)} />
        <Total name="tokens written" value={count(figures.output_tokens)} />
      </dl>
      {unpriced > 0 && (
        <p className="note warn">
          {plural(unpriced, "call has no known price", "calls have no known price")}, so that more was spent than this says.{" "}
          {asked.group === "model" ? "The models that they asked have a + behind their cost. " : <><a href={addressOf({ ...asked, group: "model" })}>Which models they asked</a>. </>}
          Prices of your own go into <code>binex.toml</code>.
        </p>
      )}
    </>
  );
}

function Total({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
