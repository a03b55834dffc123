import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sign, verify } from '../src/verify.js';

const now = () => Math.floor(Date.now() / 1000);

function message(timestamp, secret = 's3cret') {
  const body = '{"paid":true}';
  return { timestamp, body, signature: sign(secret, timestamp, body) };
}

test('a fresh message', () => {
  assert.equal(verify('s3cret', message(now())), true);
  assert.equal(verify('s3cret', message(now() - 250)), true);
});

test('another secret', () => {
  assert.equal(verify('s3cret', message(now(), 'other')), false);
});

test('a signature of another length', () => {
  assert.equal(verify('s3cret', { ...message(now()), signature: 'abc' }), false);
});

test('an old message', () => {
  assert.equal(verify('s3cret', message(now() - 400)), false);
});

test('a message from the future', () => {
  assert.equal(verify('s3cret', message(now() + 400)), false);
});

test('a timestamp that is none', () => {
  assert.equal(verify('s3cret', message('soon')), false);
});

test('another tolerance', (t) => {
  process.env.WEBHOOK_TOLERANCE_S = '900';
  t.after(() => delete process.env.WEBHOOK_TOLERANCE_S);
  assert.equal(verify('s3cret', message(now() - 400)), true);
  assert.equal(verify('s3cret', message(now() - 1000)), false);
});
