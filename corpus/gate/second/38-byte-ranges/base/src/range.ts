/** From the first byte to the last, both of them included. */
export interface Range {
  first: number;
  last: number;
}

/**
 * The ranges that a header Range asks for (RFC 9110, 14.2). `null` where the header is to be ignored, because it is malformed or of
 * another unit; an empty list where none of its ranges can be satisfied. Ranges are cut at the size, which is in bytes.
 */
export function parseRange(header: string, size: number): Range[] | null {
  void header;
  void size;
  return null;
}
