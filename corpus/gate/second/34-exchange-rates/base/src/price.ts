import { Rates } from "./rates.js";

export async function label(rates: Rates, euros: number, currency: string): Promise<string> {
  const { amount } = await rates.convert(euros, "EUR", currency);
  return `${amount.toFixed(2)} ${currency}`;
}
