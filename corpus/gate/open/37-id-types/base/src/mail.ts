/** Returns the address of the page on which a user sees an order. */
export function orderPage(user: string, order: string): string {
  return `/users/${user}/orders/${order}`;
}
