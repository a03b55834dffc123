import { randomUUID } from "node:crypto";

/** Sessions by their token. */
export class Store {
  #sessions = new Map();

  create(user) {
    const token = randomUUID();
    this.#sessions.set(token, { user });
    return token;
  }

  get(token) {
    return this.#sessions.get(token) ?? null;
  }

  remove(token) {
    return this.#sessions.delete(token);
  }

  get size() {
    return this.#sessions.size;
  }
}

export function openStore() {
  return new Store();
}
