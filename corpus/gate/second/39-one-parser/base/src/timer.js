/** A timer that was asked for in words, such as "tea 4m30s". */
export function timer(text) {
  const [, name, span] = /^(.*\S)\s+(\S+)$/.exec(text) ?? [null, "", text];
  return { name, seconds: parseSpan(span) };
}

export function parseSpan(text) {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (!match || text === "") {
    throw new RangeError(`${text} is no span of time`);
  }
  const [hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return hours * 3600 + minutes * 60 + seconds;
}
