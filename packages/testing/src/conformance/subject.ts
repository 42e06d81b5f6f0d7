import type { Server } from '@pressferry/embedded';

/** A worker takes it from its stream, does it outside, and keeps it in Postgres. */
export interface Work {
  /** In the queue's table. */
  id: string;
  /** In the table that stores its message first. */
  intakeId: string;
  message: Uint8Array;
}

/** A vendor or a site. */
export interface Outside extends AsyncDisposable {
  url: string;
  /** From now on requests wait for their answers. */
  hold: () => void;
  /** Answers waiting and later requests: as done, or with a failure that is retried. */
  answer: (how: 'accept' | 'refuse') => void;
  requests: (work: Work) => number;
}

/** A service under the conformance suite, with its own servers. */
export interface WorkerUnderTest extends AsyncDisposable {
  /** As the database's owner. */
  databaseUrl: string;
  postgres: Server;
  natsUrl: string;
  consumer: { stream: string; name: string };
  /** The table of leases (`lease_owner`, `lease_until`), and its key. */
  queue: { table: string; key: string };
  /** The table that stores a message first, and its key. */
  intake: { table: string; key: string };
  /** As `npm start` runs it. */
  process: { name: string; cwd: string; args: readonly string[]; env: Readonly<Record<string, string>> };
  outside: Outside;
  /** As the previous stage leaves it, not sent yet. */
  prepare: (count: number) => Promise<Work[]>;
  send: (work: Work) => Promise<void>;
  isDone: (work: Work) => Promise<boolean>;
  attempts: (work: Work) => Promise<number>;
  /** A worker's answer after its lease was lost; it must change nothing. */
  lateAnswer: 'accept' | 'refuse';
}
