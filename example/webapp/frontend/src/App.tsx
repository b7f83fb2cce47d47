import { useCallback, useEffect, useState } from "react";

import { getAbout, latestCups, pourCup, type About, type Cup } from "./api";
import { Counter } from "./Counter";
import { LatestCups } from "./LatestCups";
import { Origin } from "./Origin";
import { Pouring } from "./Pouring";

const FIRST_GUEST = "friend";

export function App() {
  const [about, setAbout] = useState<About>();
  const [cup, setCup] = useState<Cup>();
  const [cups, setCups] = useState<Cup[]>([]);
  const [problem, setProblem] = useState<string>();
  const [pouring, setPouring] = useState(false);

  const pour = useCallback(async (name: string) => {
    setPouring(true);
    setProblem(undefined);
    try {
      setCup(await pourCup(name));
      setCups(await latestCups());
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setPouring(false);
    }
  }, []);

  useEffect(() => {
    void getAbout().then(setAbout, () => undefined); // only a decoration: the page works without it
    void pour(FIRST_GUEST);
  }, [pour]);

  return (
    <main>
      <header>
        <img src="/teacup.svg" alt="" width="56" height="56" />
        <h1>The Little Tea Shop</h1>
        {about && <Origin id="preview" origin={about} otherwise={about.env} />}
      </header>
      <Pouring cup={cup} pouring={pouring} problem={problem} />
      <Counter disabled={pouring} onOrder={pour} />
      <LatestCups cups={cups} />
      <footer>Every cup is a workflow: React asks Flask, Flask asks Temporal, and this stack's own worker pours.</footer>
    </main>
  );
}
