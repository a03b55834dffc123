// From the tax office, as it came.
export function tax(cents, rate) {
  return Math.round((cents * rate) / 100);
}
