/** Hands jobs to a handler, one after the other. */
export class Queue {
  constructor(handler, { onError = () => {}, release = () => {} } = {}) {
    this.handler = handler;
    this.onError = onError;
    this.release = release;
    this.done = 0;
  }

  async run(jobs) {
    for (const job of jobs) {
      try {
        await this.handler(job);
      } catch {}
      this.done += 1;
    }
    return this.done;
  }

  async close() {
    try {
      await this.release();
    } catch {}
  }
}
