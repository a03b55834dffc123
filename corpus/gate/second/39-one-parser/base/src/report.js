function parse(text) {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (!match || text === "") {
    throw new RangeError(`${text} is no span of time`);
  }
  const [hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return hours * 3600 + minutes * 60 + seconds;
}

/** How long all of it took, in hours. */
export function report(spans) {
  return `${(spans.reduce((sum, span) => sum + parse(span), 0) / 3600).toFixed(2)} h`;
}
