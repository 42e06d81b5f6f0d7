import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exit, Server } from '@pressferry/embedded';
import { createLatch } from '@pressferry/testing';
import { EndedError } from './process.ts';
import { supervise } from './supervise.ts';

/** A server that dies at will; each restart takes the next of `restarts`. */
async function supervisedFake(restarts: ('runs' | Exit)[]) {
  const died: { report: (exit: Exit) => void } = { report: () => undefined };
  const settled = createLatch<string>('the supervision to settle');
  const said: string[] = [];
  let stopped = false;
  const server: Server = {
    ...{ url: 'http://127.0.0.1:1', port: 1, pid: 1, running: true },
    stop: async () => undefined,
    kill: async () => undefined,
    restart: async () => {
      const next = restarts.shift() ?? 'runs';
      if (next !== 'runs') throw new EndedError('ended again', next);
      settled.open('runs');
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
    },
  };
  const one = await supervise(
    async (report) => {
      died.report = report;
      return server;
    },
    { name: 'fake', say: (line) => said.push(line), fail: ({ message }) => settled.open(message), firstDelayMs: 1 },
  );
  return { one, die: (exit: Exit) => died.report(exit), settled, said, isStopped: () => stopped };
}

const KILLED: Exit = { code: null, signal: 'SIGKILL' };
const FAILED: Exit = { code: 1, signal: null };

test('a server that dies is started again, and it is said', async () => {
  const fake = await supervisedFake([FAILED, 'runs']);
  fake.die(KILLED);
  assert.equal(await fake.settled.wait(), 'runs');
  assert.deepEqual(fake.said.slice(0, 2), [
    'fake ended with signal SIGKILL; starting it again in 0.001 s',
    'fake ended with code 1; starting it again in 0.002 s',
  ]);
});

test('a server that dies again and again is given up with the reason', async () => {
  const fake = await supervisedFake(Array.from({ length: 20 }, () => FAILED));
  fake.die(FAILED);
  assert.equal(await fake.settled.wait(), 'fake ended with code 1, the 6th time within a minute; it is given up');
});

test('a faulty configuration is given up at once', async () => {
  const fake = await supervisedFake(['runs']);
  fake.die({ code: 78, signal: null });
  assert.match(await fake.settled.wait(), /^fake ended with code 78: its configuration is faulty/);
});

test('a server that is asked to stop while it waits for its restart stays down', async () => {
  const fake = await supervisedFake(['runs']);
  fake.die(KILLED);
  await fake.one[Symbol.asyncDispose]();
  assert.deepEqual([fake.settled.isOpen, fake.isStopped()], [false, true]);
});
