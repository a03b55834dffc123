import { parseRange } from "./range.js";

/** The status and the headers for a request of a file of this size. */
export function answer(range: string | undefined, size: number): { status: number; headers: Record<string, string> } {
  const ranges = range === undefined ? null : parseRange(range, size);
  if (ranges === null) return { status: 200, headers: { "Content-Length": String(size) } };
  const [first, second] = ranges;
  if (first === undefined) return { status: 416, headers: { "Content-Range": `bytes */${size}` } };
  if (second !== undefined) return { status: 206, headers: { "Content-Type": "multipart/byteranges" } };
  return { status: 206, headers: { "Content-Range": `bytes ${first.first}-${first.last}/${size}` } };
}
