import assert from "node:assert/strict";
import { test } from "node:test";

import { apiUrl, newestNotes } from "../src/lib/api";

const answers = (body: string, status = 200) => {
  const asked: string[] = [];
  const ask = (url: unknown) => {
    asked.push(String(url));
    return Promise.resolve(new Response(body, { status }));
  };
  return { ask: ask as typeof fetch, asked };
};

test("the back end's address is a setting, without a slash at its end", () => {
  assert.equal(apiUrl({}), "http://127.0.0.1:8080");
  assert.equal(apiUrl({ API_URL: " http://api:8080/ " }), "http://api:8080");
});

test("the newest notes are asked for", async () => {
  const { ask, asked } = answers('[{"id": "1", "title": "<b>"}]');
  assert.deepEqual(await newestNotes("http://api", ask), { notes: [{ id: "1", title: "<b>" }] });
  assert.deepEqual(asked, ["http://api/api/v1/notes?limit=20"]);
});

test("a back end that fails is said, and no page breaks", async () => {
  const down = (() => Promise.reject(new TypeError("fetch failed"))) as typeof fetch;
  for (const [ask, said] of [
    [answers("[]", 503).ask, /503/],
    [answers('{"notes": []}').ask, /another form/],
    [answers('[{"id": 1, "title": "x"}]').ask, /another form/],
    [answers("no JSON").ask, /does not answer/],
    [down, /does not answer/],
  ] as const) {
    const answer = await newestNotes("http://api", ask);
    assert.match("problem" in answer ? answer.problem : "", said);
  }
});
