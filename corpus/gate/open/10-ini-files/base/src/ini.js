/** Reads the text of an ini file into an object of its values by key. */
export function parse(text) {
  const values = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at < 0) continue;
    values[line.slice(0, at).trim()] = line.slice(at + 1).trim();
  }
  return values;
}
