/** Now; FAKE_NOW sets it for a whole process, which tools/days.js makes use of. */
export function now() {
  return process.env.FAKE_NOW ? new Date(`${process.env.FAKE_NOW}T12:00:00Z`) : new Date();
}
