import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client, FirstClient } from '../src/client.js';

/** A server that knows some paths. */
function server(answers) {
  return async (path) => {
    if (!(path in answers)) {
      throw new Error(`404 ${path}`);
    }
    return answers[path];
  };
}

describe('first version', () => {
  test('all', async () => {
    const client = new FirstClient(server({ '/v1/users.json': { users: ['ann', 'bob'] } }));
    assert.deepEqual(await client.all('users'), ['ann', 'bob']);
  });

  test('all of nothing', async () => {
    const client = new FirstClient(server({ '/v1/users.json': { users: [] } }));
    assert.deepEqual(await client.all('users'), []);
  });
});

describe('second version', () => {
  test('one', async () => {
    const client = new Client(server({ '/v2/users/a%2Fb': { item: 'slash' } }));
    assert.equal(await client.one('users', 'a/b'), 'slash');
  });

  test('all on one page', async () => {
    const client = new Client(server({ '/v2/users': { items: ['ann'] } }));
    assert.deepEqual(await client.all('users'), ['ann']);
  });

  test('all on three pages', async () => {
    const client = new Client(
      server({
        '/v2/users': { items: ['ann'], next: '/v2/users?page=2' },
        '/v2/users?page=2': { items: ['bob', 'cleo'], next: '/v2/users?page=3' },
        '/v2/users?page=3': { items: ['dan'], next: null },
      }),
    );
    assert.deepEqual(await client.all('users'), ['ann', 'bob', 'cleo', 'dan']);
  });

  test('links in a circle', async () => {
    const client = new Client(
      server({
        '/v2/users': { items: ['ann'], next: '/v2/users?page=2' },
        '/v2/users?page=2': { items: ['bob'], next: '/v2/users' },
      }),
    );
    await assert.rejects(client.all('users'), /twice/);
  });
});
