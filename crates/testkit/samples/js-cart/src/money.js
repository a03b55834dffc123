// Money: decimal text in, decimal text out; whole cents in between.

import currency from 'currency.js';

const DECIMAL = /^\d{1,9}(\.\d{1,2})?$/;

/** Reads a price such as "4.50"; throws a RangeError for anything else. */
export function parse(text) {
  if (typeof text !== 'string' || !DECIMAL.test(text)) {
    throw new RangeError(`not a price: ${JSON.stringify(text)}`);
  }
  return currency(text);
}

export function times(price, quantity) {
  return price.multiply(quantity);
}

export function sum(prices) {
  return prices.reduce((total, price) => total.add(price), currency(0));
}

/** Writes "9.00". */
export function show(amount) {
  return amount.format({ symbol: '', separator: '' });
}
