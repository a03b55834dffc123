/** Roles, states and keys, by what a screen reader is told and a keyboard does. Run by `node --test`; no package, no browser. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { tabs, target } from "./${{ vars.name }}.mjs";

class Element {
  constructor(id = "") {
    this.id = id;
    this.attributes = new Map();
    this.heard = new Map();
    this.tabIndex = 0;
    this.hidden = false;
  }

  setAttribute(name, value) {
    this.attributes.set(name, value);
  }

  addEventListener(kind, act) {
    this.heard.set(kind, act);
  }

  focus() {
    Element.focused = this;
  }

  /** Whether the browser's own answer was held back. */
  does(kind, event = {}) {
    let held = false;
    this.heard.get(kind)({ ...event, preventDefault: () => (held = true) });
    return held;
  }

  get(name) {
    return this.attributes.get(name);
  }
}

function made(count, more = {}) {
  Element.focused = null;
  const each = (name) => Array.from({ length: count }, (_, at) => new Element(name && `${name}-${at}`));
  const parts = { list: new Element(), heading: "menu", items: each(""), links: each(""), panels: each("part"), ...more };
  return { ...parts, choose: tabs(parts) };
}

const shown = ({ panels }) => panels.flatMap((panel, at) => (panel.hidden ? [] : [at]));
const selected = ({ links }) => links.flatMap((link, at) => (link.get("aria-selected") === "true" ? [at] : []));
const reached = ({ links }) => links.flatMap((link, at) => (link.tabIndex === 0 ? [at] : []));

test("each part says what it is, and tabs and panels name each other (1.3.1, 4.1.2)", () => {
  const made3 = made(3);
  assert.equal(made3.list.get("role"), "tablist");
  assert.equal(made3.list.get("aria-labelledby"), "menu");
  made3.items.forEach((item) => assert.equal(item.get("role"), "presentation"));
  made3.links.forEach((link, at) => {
    assert.equal(link.get("role"), "tab");
    assert.equal(link.get("aria-controls"), made3.panels[at].id);
    assert.equal(made3.panels[at].get("role"), "tabpanel");
    assert.equal(made3.panels[at].get("aria-labelledby"), link.id);
  });
});

test("one is chosen, one is shown, one is reached by Tab (2.4.3, 4.1.2)", () => {
  const three = made(3);
  for (const at of [0, 2, 1]) {
    three.choose(at, false);
    assert.deepEqual([shown(three), selected(three), reached(three)], [[at], [at], [at]]);
  }
  assert.equal(Element.focused, null, "nothing takes focus by itself (3.2.1)");
});

test("arrows go round, Home and End to the ends, and focus goes along (2.1.1)", () => {
  const three = made(3);
  for (const [from, key, to] of [
    [0, "ArrowRight", 1],
    [2, "ArrowRight", 0],
    [0, "ArrowLeft", 2],
    [1, "Home", 0],
    [0, "End", 2],
    [1, " ", 1],
    [1, "Enter", 1],
  ]) {
    assert.ok(three.links[from].does("keydown", { key }), key);
    assert.deepEqual(shown(three), [to], `${key} from ${from}`);
    assert.equal(Element.focused, three.links[to]);
  }
});

test("Tab, letters and what is pressed with another key stay the browser's (2.1.2, 2.1.4)", () => {
  const three = made(3);
  for (const event of [{ key: "Tab" }, { key: "a" }, { key: "ArrowDown" }, { key: "ArrowRight", altKey: true }, { key: "End", ctrlKey: true }]) {
    assert.equal(three.links[0].does("keydown", event), false, JSON.stringify(event));
    assert.deepEqual(shown(three), [0]);
  }
});

test("a click chooses, and leaves the page where it is (2.5.2)", () => {
  const three = made(3);
  assert.ok(three.links[2].does("click"));
  assert.deepEqual([shown(three), selected(three)], [[2], [2]]);
});

test("from right to left the arrows turn round", () => {
  assert.deepEqual([target("ArrowLeft", 0, 3, true), target("ArrowRight", 0, 3, true)], [1, 2]);
  const three = made(3, { rightToLeft: true });
  three.links[0].does("keydown", { key: "ArrowLeft" });
  assert.deepEqual(shown(three), [1]);
});

test("the tab of the address is the chosen one, and one alone works", () => {
  assert.deepEqual(shown(made(3, { chosen: 2 })), [2]);
  const one = made(1);
  one.links[0].does("keydown", { key: "ArrowRight" });
  assert.deepEqual(shown(one), [0]);
});

test("a tab without its section is a mistake that is said", () => {
  assert.throws(() => made(0), /one at least/);
  assert.throws(() => made(2, { panels: [new Element("part-0")] }), /a section of its own/);
});
