export const version = "1.4.2";

/** The checksum of a text or of bytes, as a number of 32 bits. */
export function sum(input) {
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  let state = 0;
  for (let at = 0; at < bytes.length; at += 4) {
    const block = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    state = (state + Math.imul(block, 0x9e3779b1)) | 0;
  }
  return (state ^ bytes.length) >>> 0;
}
