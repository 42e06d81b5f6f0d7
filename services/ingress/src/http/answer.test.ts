import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Logger } from '@pressferry/runtime';
import Fastify from 'fastify';
import { type Answer, refuse } from '../model.ts';
import { addAdmission, answerBy } from './admit.ts';
import { addAnswers } from './answer.ts';
import { createCapacity } from './capacity.ts';
import { createFindClient } from './client.ts';
import { createConnections } from './connections.ts';
import { createLoad, overloaded } from './overload.ts';
import { parseRanges } from './ranges.ts';
import { createTarpit } from './tarpit.ts';

/** A server of one route, and what it counted and logged. */
async function serve(work: () => Promise<Answer>) {
  const load = createLoad();
  const handled: string[] = [];
  const lines: object[] = [];
  const faults: string[] = [];
  const capacity = createCapacity(1, 1024);
  const write = (line: object, message: string): void => {
    if (message === 'request.handled') lines.push(line);
    else faults.push(message);
  };
  const logger = { info: write, warn: write, error: write } as unknown as Logger;
  const app = Fastify({ serverFactory: (handler) => createServer(handler) });
  const tarpit = createTarpit(0);
  addAnswers(app, { capacity, tarpit, load, logger, metrics: { handled: (outcome) => void handled.push(outcome) } });
  addAdmission(app, {
    ...{ capacity, tarpit, logger, connections: createConnections(10) },
    findClient: createFindClient(parseRanges([])),
    checkClient: () => null,
    refuseRoute: () => refuse('not_found'),
    overloaded: () => overloaded(load),
  });
  app.get('/', answerBy(work));
  await app.listen({ port: 0, host: '127.0.0.1' });
  return {
    url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/`,
    ...{ handled, lines, faults, capacity },
    [Symbol.asyncDispose]: () => app.close(),
  };
}

const outcomes = (lines: object[]) =>
  lines.map((line) => [(line as { outcome: string }).outcome, (line as { status: number }).status]);

test('our own fault is answered 500, counted, and told of', async () => {
  await using served = await serve(async () => {
    throw new Error('for the test');
  });
  const answer = await fetch(served.url);
  assert.equal(answer.status, 500);
  assert.equal(((await answer.json()) as { code: string }).code, 'internal_error');
  assert.deepEqual(served.handled, ['internal_error']);
  assert.deepEqual(outcomes(served.lines), [['internal_error', 500]]);
  assert.deepEqual(served.faults, ['request.failed']);
  assert.equal(served.capacity.inFlight, 0);
});

test('if an answer cannot be written, its connection is cut, and it is counted and told of like any other', async () => {
  await using served = await serve(async () => ({
    ...({ outcome: 'accepted', status: 202, json: '{}' } as const),
    headers: { 'x-unwritable': 'two\nlines' },
  }));
  await assert.rejects(fetch(served.url), { message: 'fetch failed' });
  assert.deepEqual(served.handled, ['internal_error']);
  assert.deepEqual(outcomes(served.lines), [['internal_error', 0]]);
  assert.deepEqual(served.faults, ['answer.failed']);
  assert.equal(served.capacity.inFlight, 0);
});
