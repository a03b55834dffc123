import test from 'node:test';
import assert from 'node:assert/strict';
import { renderPage } from '../src/page.js';

test('a list of comments', () => {
  assert.equal(renderPage('Hi', [{ author: 'Jo', text: 'first' }]), '<h1>Hi</h1>\n<ul>\n<li title="Jo">first</li>\n</ul>');
});
