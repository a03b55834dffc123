import { Event, never } from "./events.js";

export interface Order {
  total: number;
  paid: number;
  state: "open" | "sent" | "closed";
}

export const EMPTY: Order = { total: 0, paid: 0, state: "open" };

export function apply(order: Order, event: Event): Order {
  switch (event.kind) {
    case "placed":
      return { ...order, total: order.total + event.cents };
    case "paid":
      return { ...order, paid: order.paid + event.cents };
    case "sent":
      return { ...order, state: "sent" };
    default:
      return never(event);
  }
}
