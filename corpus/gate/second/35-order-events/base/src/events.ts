export type Event =
  | { kind: "placed"; cents: number }
  | { kind: "paid"; cents: number }
  | { kind: "sent" }
  | { kind: "refunded"; cents: number }
  | { kind: "split"; cents: number; to: string };

/** Makes the compiler ask for a branch for each kind. */
export function never(event: never): never {
  throw new Error(`unknown event ${JSON.stringify(event)}`);
}
