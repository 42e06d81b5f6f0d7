import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Logger } from '@pressferry/runtime';
import { createCapacity } from './capacity.ts';
import { createFindClient } from './client.ts';
import { createDispatch, type Route } from './dispatch.ts';
import { createLoad, overloaded } from './load.ts';
import { parseRanges } from './ranges.ts';
import { createTarpit } from './tarpit.ts';

/** A server of one route, and what it counted, wrote and logged. */
async function serve(route: Route) {
  const load = createLoad();
  const handled: string[] = [];
  const lines: unknown[] = [];
  const faults: string[] = [];
  const capacity = createCapacity(1, 1024);
  const dispatch = createDispatch({
    findRoute: () => route,
    findClient: createFindClient(parseRanges([])),
    checkClient: () => null,
    ...{ capacity, load },
    overloaded: () => overloaded(load),
    isCrowded: () => false,
    tarpit: createTarpit(0),
    metrics: { handled: (outcome) => void handled.push(outcome) },
    logRequest: (_exchange, outcome, status) => void lines.push({ outcome, status }),
    logger: { error: (_fields: object, message: string) => void faults.push(message) } as unknown as Logger,
  });
  const server = createServer(dispatch).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ...{ handled, lines, faults, capacity },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test('a fault of ours is answered 500, counted, and told of', async () => {
  await using served = await serve(() => {
    throw new Error('for the test');
  });
  const answer = await fetch(served.url);
  assert.equal(answer.status, 500);
  assert.equal(((await answer.json()) as { code: string }).code, 'internal_error');
  assert.deepEqual(served.handled, ['internal_error']);
  assert.deepEqual(served.lines, [{ outcome: 'internal_error', status: 500 }]);
  assert.deepEqual(served.faults, ['request.failed']);
  assert.equal(served.capacity.inFlight, 0);
});

test('where an answer cannot be written, its connection is cut, and it is counted and told of like any other', async () => {
  await using served = await serve(() => ({
    ...{ outcome: 'accepted', status: 202, json: '{}' },
    headers: { 'x-unwritable': 'two\nlines' },
  }));
  await assert.rejects(fetch(served.url), { message: 'fetch failed' });
  assert.deepEqual(served.handled, ['internal_error']);
  assert.deepEqual(served.lines, [{ outcome: 'internal_error', status: 0 }]);
  assert.deepEqual(served.faults, ['answer.failed']);
  assert.equal(served.capacity.inFlight, 0);
});
