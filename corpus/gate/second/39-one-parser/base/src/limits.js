/** The names of the limits that are over. */
export function exceeded(limits, seconds) {
  return Object.keys(limits).filter((name) => toSeconds(limits[name]) < seconds);
}

function toSeconds(text) {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  if (!match || text === "") {
    throw new RangeError(`${text} is no span of time`);
  }
  const [hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return hours * 3600 + minutes * 60 + seconds;
}
