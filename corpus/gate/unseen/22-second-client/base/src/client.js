/** Speaks the first version of the API. */
export class FirstClient {
  constructor(get) {
    this.get = get;
  }

  async all(kind) {
    const answer = await this.get(`/v1/${kind}.json`);
    return answer[kind];
  }
}

/** Speaks the second version of the API. `get` fetches a path and returns the decoded answer. */
export class Client {
  constructor(get) {
    this.get = get;
  }

  async one(kind, id) {
    return (await this.get(`/v2/${kind}/${encodeURIComponent(id)}`)).item;
  }

  async all(kind) {
    const page = await this.get(`/v2/${kind}`);
    return page.items;
  }
}
