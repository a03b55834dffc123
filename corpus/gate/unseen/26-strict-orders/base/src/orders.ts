import { tax } from './vendor/tax.js';

export interface Item {
  sku: string;
  quantity: number;
}

export interface Order {
  id: string;
  items: Item[];
}

export class NotFound extends Error {
  constructor(readonly id) {
    super(`not found: ${id}`);
    this.name = 'NotFound';
  }
}

export class Shop {
  private orders = new Map<string, Order>();

  constructor(private prices: Record<string, number>) {}

  add(order: Order) {
    this.orders.set(order.id, order);
  }

  /** What an order costs, in cents, without tax. */
  net(id: string): number {
    const order = this.orders.get(id);
    let sum = 0;
    for (const item of order.items) {
      const price = this.price(item.sku);
      sum += price * item.quantity;
    }
    return sum;
  }

  /** What an order costs with tax. */
  gross(id: string, rate: number): number {
    const net = this.net(id);
    return net + tax(net, rate);
  }

  /** The first item of an order. */
  first(id: string): Item {
    return this.orders.get(id).items.find((item) => item.quantity > 0);
  }

  private price(sku: string): number {
    return new Map(Object.entries(this.prices)).get(sku);
  }
}
