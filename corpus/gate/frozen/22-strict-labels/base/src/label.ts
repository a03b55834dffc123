import type { Customer } from './customer.js';

/** The lines of an address label. */
export function label(customer: Customer): string {
  const address = customer.address;
  return [customer.name, address.street, address.town, address.country.toUpperCase()].join('\n');
}
