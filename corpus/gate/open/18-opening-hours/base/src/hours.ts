/** From and to, in minutes since midnight. */
export type Span = readonly [number, number];

/** When a shop is open. */
export class Hours {
  constructor(readonly spans: readonly Span[] = []) {}

  /** Returns these hours and one more span. */
  plus(from: number, to: number): Hours {
    return new Hours([...this.spans, [from, to]]);
  }
}
