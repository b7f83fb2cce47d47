export interface Origin {
  pr: string | null;
  commit: string | null;
}

export interface About extends Origin {
  env: string;
}

export interface Cup {
  workflowId: string;
  name: string;
  greeting: string;
  tea: string;
  signed: boolean;
  pouredBy: Origin;
  pouredAt: string;
}

export const getAbout = () => call<About>("/api/about");

export const latestCups = () => call<Cup[]>("/api/greetings");

/** Runs the workflow `Greet` on this stack's worker. */
export const pourCup = (name: string) =>
  call<Cup>("/api/greetings", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name }),
  });

async function call<T>(path: string, options?: RequestInit): Promise<T> {
  const response = await fetch(path, options);
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new Error(problemIn(body) ?? `${path} answered ${response.status}`);
  return body as T;
}

function problemIn(body: unknown): string | null {
  return body && typeof body === "object" && "error" in body ? String(body.error) : null;
}
