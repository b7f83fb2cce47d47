import type { ReactNode } from "react";

import type { Cup } from "./api";
import { Origin } from "./Origin";

interface Props {
  cup: Cup | undefined;
  pouring: boolean;
  problem: string | undefined;
}

/** The cup on the counter. Browser tests read #greeting and its data-state. */
export function Pouring({ cup, pouring, problem }: Props) {
  if (problem) return <Card state="failed" text="The kettle is cold." note={<span id="problem">{problem}</span>} />;
  if (pouring || !cup) return <Card state="pouring" text="The kettle is on …" note="A worker is pouring your tea." />;
  return <Card state="ready" text={cup.greeting} note={<Provenance cup={cup} />} />;
}

function Card({ state, text, note }: { state: string; text: string; note: ReactNode }) {
  return (
    <section className={`card ${state}`} aria-live="polite">
      <p id="greeting" data-state={state}>
        {text}
      </p>
      <p className="note">{note}</p>
    </section>
  );
}

function Provenance({ cup }: { cup: Cup }) {
  return (
    <>
      Poured by <Origin id="poured-by" origin={cup.pouredBy} otherwise="the house" />{" "}
      <span id="signed" className={cup.signed ? "signed" : "unsigned"}>
        {cup.signed ? "signed ✓" : "signature does not match ✗"}
      </span>
    </>
  );
}
