export type Fetch = (page: number) => Promise<string>;

/** Fetches the pages; the texts come in the order of the pages. */
export async function loadAll(pages: number[], fetch: Fetch): Promise<string[]> {
  const texts: string[] = [];
  for (const page of pages) {
    texts.push(await fetch(page));
  }
  return texts;
}
