import type { Cup } from "./api";
import { Origin } from "./Origin";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export function LatestCups({ cups }: { cups: Cup[] }) {
  if (cups.length === 0) return null;
  return (
    <section>
      <h2>Latest cups</h2>
      <ul id="cups">
        {cups.map((cup) => (
          <li key={cup.workflowId}>
            <span className="who">{cup.name}</span>
            <span>{cup.tea}</span>
            <Origin origin={cup.pouredBy} otherwise="the house" />
            <time dateTime={cup.pouredAt}>{clock.format(new Date(cup.pouredAt))}</time>
          </li>
        ))}
      </ul>
    </section>
  );
}
