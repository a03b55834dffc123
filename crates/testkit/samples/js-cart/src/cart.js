// One cart: items by stock-keeping unit.

import { parse, show, sum, times } from './money.js';

/** Nobody buys more of one thing by hand; it is a slip of the keyboard. */
export const QUANTITY_MAX = 99;

export class Cart {
  #items = new Map();

  /** Adds to what is there. Throws a RangeError and changes nothing when the item is not sound. */
  add({ sku, price, quantity = 1 }) {
    if (typeof sku !== 'string' || sku === '') {
      throw new RangeError('an item needs a sku');
    }
    const wanted = (this.#items.get(sku)?.quantity ?? 0) + quantity;
    if (!Number.isInteger(quantity) || quantity < 1 || wanted > QUANTITY_MAX) {
      throw new RangeError(`quantity must be a whole number from 1 to ${QUANTITY_MAX} in all`);
    }
    this.#items.set(sku, { price: parse(price), quantity: wanted });
  }

  /** Tells whether the item was there. */
  remove(sku) {
    return this.#items.delete(sku);
  }

  lines() {
    return [...this.#items].map(([sku, { price, quantity }]) => ({
      sku,
      quantity,
      cost: show(times(price, quantity)),
    }));
  }

  total() {
    return show(sum([...this.#items.values()].map((item) => times(item.price, item.quantity))));
  }
}
