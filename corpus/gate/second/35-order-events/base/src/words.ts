import { Event, never } from "./events.js";

export function label(event: Event): string {
  switch (event.kind) {
    case "placed":
      return `ordered for ${money(event.cents)}`;
    case "paid":
      return `paid ${money(event.cents)}`;
    case "sent":
      return "sent";
    default:
      return never(event);
  }
}

/** The line of the ledger, or null for what does not go into it. */
export function ledger(event: Event): string | null {
  switch (event.kind) {
    case "paid":
      return `payment,${event.cents}`;
    case "placed":
    case "sent":
      return null;
    default:
      return never(event);
  }
}

function money(cents: number): string {
  return (cents / 100).toFixed(2);
}
