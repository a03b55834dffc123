import { newId } from './id.js';

/** Returns a new order of these lines. */
export function order(lines, now = new Date()) {
  return { id: newId(), at: now.toISOString(), lines };
}
