/** Reads jobs, one JSON object per line. */
export function load(text) {
  const jobs = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    try {
      jobs.push(JSON.parse(line));
    } catch {}
  }
  return jobs;
}
