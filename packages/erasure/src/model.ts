import type { NatsConnection } from '@nats-io/transport-node';
import type { Database } from '@pressferry/database';
import type { Keyring } from '@pressferry/runtime';

export interface EraseDeps {
  db: Database;
  nats: NatsConnection;
  keyring: Pick<Keyring, 'open'>;
}

/** What an erasure did, or would do. */
export interface Erased {
  /** Events in Postgres, each with its runs, results and deliveries. */
  events: number;
  /** Messages in EVENTS, RESULTS and DEADLETTERS. */
  messages: number;
  /** Sealed texts that do not open, so no one knows whether they name the person: their key is missing from SEALING_KEYS. */
  unreadable: number;
}
