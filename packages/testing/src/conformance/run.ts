import assert from 'node:assert/strict';
import { type Owner, ownerOf, restrictedUrl } from '../faults/index.ts';
import { waitFor } from '../wait-for.ts';
import { type Messages, openMessages } from './messages.ts';
import { type Started, start } from './start.ts';
import type { Work, WorkerUnderTest } from './subject.ts';

export interface Run extends AsyncDisposable {
  subject: WorkerUnderTest;
  owner: Owner;
  messages: Messages;
  start: (env?: Readonly<Record<string, string>>) => Promise<Started>;
  give: (count: number) => Promise<Work[]>;
  untilDone: (works: readonly Work[], timeoutMs?: number) => Promise<void>;
  /** Waits until each was requested outside. */
  untilInFlight: (works: readonly Work[]) => Promise<void>;
  /** Each took one request and one attempt, and nothing was given up. */
  assertOnce: (works: readonly Work[]) => Promise<void>;
}

export async function openRun(open: () => Promise<WorkerUnderTest>): Promise<Run> {
  await using stack = new AsyncDisposableStack();
  const subject = stack.use(await open());
  const owner = ownerOf(subject.databaseUrl);
  const messages = stack.use(await openMessages(subject));
  const url = await restrictedUrl(subject.databaseUrl);
  const resources = stack.move();
  const give = async (count: number): Promise<Work[]> => {
    const works = await subject.prepare(count);
    for (const work of works) await subject.send(work);
    return works;
  };
  const untilDone = async (works: readonly Work[], timeoutMs = 45_000): Promise<void> => {
    const deadlineMs = performance.now() + timeoutMs;
    for (const work of works) {
      const leftMs = Math.max(0, deadlineMs - performance.now());
      await waitFor(() => subject.isDone(work), { what: `the work ${work.id} to be done`, timeoutMs: leftMs });
    }
  };
  return {
    ...{ subject, owner, messages, give, untilDone },
    start: async (env = {}) => resources.use(await start(subject, { DATABASE_URL: url, ...env })),
    untilInFlight: async (works) => {
      for (const work of works)
        await waitFor(() => subject.outside.requests(work) > 0, { what: `a request for ${work.id}` });
    },
    assertOnce: async (works) => {
      await waitFor(async () => (await messages.open()) === 0, { what: 'the acknowledgements' });
      const seen = await Promise.all(
        works.map(async (work) => [subject.outside.requests(work), await subject.attempts(work)]),
      );
      assert.deepEqual(
        seen,
        works.map(() => [1, 1]),
        'requests and attempts of each',
      );
      assert.deepEqual(await messages.deadLetters(), []);
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
