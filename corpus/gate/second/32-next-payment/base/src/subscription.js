import { now } from "./clock.js";

/** Something that is paid for each month. Days are texts like 2023-01-31, in UTC. */
export class Subscription {
  constructor(name, cents) {
    this.name = name;
    this.cents = cents;
    this.since = day(now());
  }

  /** When the payment with this number is due; number 0 is on the first day. */
  due(number) {
    const date = new Date(`${this.since}T00:00:00Z`);
    date.setUTCMonth(date.getUTCMonth() + number);
    return day(date);
  }

  paidUntil(payments) {
    return this.due(payments);
  }
}

export function day(date) {
  return date.toISOString().slice(0, 10);
}
