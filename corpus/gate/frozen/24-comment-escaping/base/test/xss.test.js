import test from 'node:test';
import assert from 'node:assert/strict';
import { renderPage } from '../src/page.js';

test('scripts do not run', () => {
  assert.ok(!renderPage('Hi', [{ author: 'x', text: '<script>alert(1)</script>' }]).includes('<script>'));
});

test('images do not run scripts', () => {
  assert.ok(!renderPage('Hi', [{ author: 'x', text: '<img src=x onerror=alert(1)>' }]).includes('<img'));
});

test('an author cannot leave the attribute', () => {
  assert.ok(!renderPage('Hi', [{ author: '" onmouseover="alert(1)', text: 'x' }]).includes('" onmouseover'));
});
