import assert from "node:assert/strict";
import test from "node:test";
import { Page } from "../src/page.js";
import { build } from "../src/site.js";

test("a page lists its entries", () => {
  const page = new Page("Guests").add({ name: "Tom & Jerry", text: "Nice!" });
  assert.equal(page.html(), "<h1>Guests</h1>\n<ul>\n<li>Tom & Jerry: Nice!</li>\n</ul>\n");
});

test("names with a link", () => {
  const page = new Page("Guests").add({ name: "Ada", link: "https://ada.example/", text: "Hi" });
  assert.match(page.html(), /<a href="https:\/\/ada.example\/" title="Ada">Ada<\/a>: Hi/);
});

test("the site has a page for each book", () => {
  assert.deepEqual(Object.keys(build({ a: { title: "A", entries: [] }, b: { title: "B", entries: [] } })), ["a", "b"]);
});
