export interface Product {
  id: number;
  name: string;
  cents: number;
}

const PRODUCTS: Product[] = [
  { id: 1, name: 'tea', cents: 250 },
  { id: 2, name: 'cake', cents: 380 },
];

export function product(id: number) {
  return PRODUCTS.find((product) => product.id === id);
}
