import { LineSplitter } from "./splitter.js";

/** How many lines of a stream have the word. */
export async function count(stream, word) {
  let found = 0;
  for await (const line of stream.pipe(new LineSplitter())) {
    if (line.split(/\s+/).includes(word)) found++;
  }
  return found;
}
