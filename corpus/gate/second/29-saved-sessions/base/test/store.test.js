import assert from "node:assert/strict";
import test from "node:test";
import { login } from "../src/login.js";
import { openStore } from "../src/store.js";

test("a new store is empty", () => {
  assert.equal(openStore().size, 0);
});

test("a session is found by its token until it is removed", () => {
  const store = openStore();
  const token = store.create("ada");
  assert.deepEqual(store.get(token), { user: "ada" });
  assert.equal(store.remove(token), true);
  assert.equal(store.get(token), null);
});

test("login", () => {
  const store = openStore();
  assert.equal(login(store, { ada: "x" }, "ada", "y"), null);
  assert.equal(login(store, {}, "bob"), null);
  assert.equal(store.get(login(store, { ada: "x" }, "ada", "x")).user, "ada");
});
