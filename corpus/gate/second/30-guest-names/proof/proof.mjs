import assert from "node:assert/strict";
import { Page } from "./src/page.js";
import { build } from "./src/site.js";

const entry = { name: `<img src=x onerror='a'>`, link: `" onclick="b`, text: "<i>" };
for (const html of [new Page("<u>").add(entry).html(), build({ p: { title: "<u>", entries: [entry] } }).p]) {
  assert.doesNotMatch(html, /<img|<i>|<u>|" onclick/);
  assert.match(html, /&lt;img/);
}
console.log("holds");
