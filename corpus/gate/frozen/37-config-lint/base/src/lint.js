/** Returns what is wrong in a settings file, one line each. */
export function lint(text) {
  const found = [];
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return;
    if (!/^[a-z_]+ = .+$/.test(line)) found.push(`${index + 1}: not of the form name = value`);
  });
  return found;
}
