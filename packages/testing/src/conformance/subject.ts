import type { Server } from '@pressferry/embedded';

/** One thing that a worker takes from its stream, does outside, and keeps in Postgres. */
export interface Work {
  /** In the queue's table. */
  id: string;
  /** In the table that its message is stored in first. */
  intakeId: string;
  /** What lies on the stream once it was sent. */
  message: Uint8Array;
}

/** What the work is done at: a vendor, a site. */
export interface Outside extends AsyncDisposable {
  url: string;
  /** From now on requests wait for their answers. */
  hold: () => void;
  /** Answers what waits, and what comes later: as work done, or as a failure that is tried again. */
  answer: (how: 'accept' | 'refuse') => void;
  /** How many requests came for a work. */
  requests: (work: Work) => number;
}

/** A service that the conformance suite is run on, with its own servers. */
export interface WorkerUnderTest extends AsyncDisposable {
  /** The database, as its owner. */
  databaseUrl: string;
  postgres: Server;
  natsUrl: string;
  consumer: { stream: string; name: string };
  /** The table whose rows are leased, with `lease_owner` and `lease_until`, and its key. */
  queue: { table: string; key: string };
  /** The table that a message is stored in first, and its key. */
  intake: { table: string; key: string };
  /** How the service is run, as its `npm start` does. */
  process: { name: string; cwd: string; args: readonly string[]; env: Readonly<Record<string, string>> };
  outside: Outside;
  /** Makes work as the stage before leaves it, not sent yet. */
  prepare: (count: number) => Promise<Work[]>;
  send: (work: Work) => Promise<void>;
  isDone: (work: Work) => Promise<boolean>;
  /** Attempts that were counted against the work. */
  attempts: (work: Work) => Promise<number>;
  /** What a worker's answer is that comes after its lease was lost, and must change nothing. */
  lateAnswer: 'accept' | 'refuse';
}
