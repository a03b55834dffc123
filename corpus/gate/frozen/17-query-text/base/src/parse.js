/** Parses `a=1&b=2` into an object. */
export function parse(text) {
  const result = {};
  for (const pair of text.replace(/^\?/, '').split('&')) {
    const [key, value] = pair.split('=');
    if (key) result[key] = value ?? '';
  }
  return result;
}
