/** The back end, as the front end's server asks it. Browsers never do: its address stays inside. */

export type Note = { id: string; title: string };
export type Answer = { notes: Note[] } | { problem: string };

/** How long a page waits for the back end before it is shown without. */
const PATIENCE_MS = 3_000;

/** Where the back end listens: `API_URL`, else the address of a back end that was started by hand. */
export function apiUrl(source: Readonly<Record<string, string | undefined>>): string {
  const text = source.API_URL?.trim() ?? "";
  return text === "" ? "http://127.0.0.1:8080" : text.replace(/\/+$/, "");
}

/** The newest notes, or what a reader is told instead. Never throws. */
export async function newestNotes(base: string, ask: typeof fetch = fetch): Promise<Answer> {
  const url = `${base}/api/v1/notes?limit=20`;
  try {
    const response = await ask(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (!response.ok) {
      return { problem: `The notes cannot be shown now (${String(response.status)}).` };
    }
    const notes: unknown = await response.json();
    return Array.isArray(notes) && notes.every(isNote)
      ? { notes }
      : { problem: "The notes cannot be shown: the back end answers in another form." };
  } catch {
    return { problem: "The notes cannot be shown now: the back end does not answer." };
  }
}

function isNote(value: unknown): value is Note {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    typeof value.id === "string" &&
    "title" in value &&
    typeof value.title === "string"
  );
}
