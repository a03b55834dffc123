import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { loadAll } from '../src/load.js';
import { CONNECT_TIMEOUT_MS } from '../src/settings.js';

const PAGES = [1, 2, 3, 4, 5, 6, 7, 8];

/** A host that takes a while for a page. */
function host(pageMs: number) {
  const state = { open: 0, most: 0 };
  const fetch = async (page: number) => {
    state.open += 1;
    state.most = Math.max(state.most, state.open);
    await pause(pageMs);
    state.open -= 1;
    return `page ${page}`;
  };
  return { state, fetch };
}

test('keeps the order', async () => {
  const texts = await loadAll([3, 1, 2], async (page) => {
    await pause(page * 10);
    return `page ${page}`;
  });
  assert.deepEqual(texts, ['page 3', 'page 1', 'page 2']);
});

test('eight pages take as long as two', { timeout: 700 }, async () => {
  const { fetch } = host(150);
  const start = performance.now();
  await loadAll(PAGES, fetch);
  assert.ok(performance.now() - start < 600);
});

test('never more than four at a time', async () => {
  const { state, fetch } = host(10);
  await loadAll(PAGES, fetch);
  assert.ok(state.most <= 4);
});

test('an error comes out', async () => {
  await assert.rejects(loadAll(PAGES, async (page) => Promise.reject(new Error(`no ${page}`))), /no 1/);
});

test('waits for a host that wakes up', () => {
  assert.equal(CONNECT_TIMEOUT_MS, 10_000);
});
