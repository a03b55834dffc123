/** What the server does with a login; users are names and their passwords. */
export function login(store, users, name, password) {
  return users[name] === password && password !== undefined ? store.create(name) : null;
}
