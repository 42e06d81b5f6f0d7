import type { NatsConnection } from '@nats-io/transport-node';
import type { Database } from '@pressferry/database';
import type { Keyring } from '@pressferry/runtime';

export interface EraseDeps {
  db: Database;
  nats: NatsConnection;
  keyring: Pick<Keyring, 'open'>;
}

export interface Erased {
  /** Events in Postgres, each with its runs, results and deliveries. */
  events: number;
  /** In EVENTS, RESULTS and DEADLETTERS. */
  messages: number;
  /** Texts that no key in SEALING_KEYS opens, so whether they name the person is unknown. */
  unreadable: number;
}
