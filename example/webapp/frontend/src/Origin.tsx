import type { Origin as From } from "./api";

/** Which pull request and commit something comes from. */
export function Origin({ id, origin, otherwise }: { id?: string; origin: From; otherwise: string }) {
  const parts = [origin.pr && `PR ${origin.pr}`, origin.commit && origin.commit.slice(0, 7)].filter(Boolean);
  return (
    <span className="origin" id={id} title={origin.commit ?? undefined}>
      {parts.join(" · ") || otherwise}
    </span>
  );
}
