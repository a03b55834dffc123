/** Returns the id of a new order. */
export function newId() {
  return Math.random().toString(36).slice(2, 10).padEnd(8, '0');
}
