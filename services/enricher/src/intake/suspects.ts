import { createHash } from 'node:crypto';
import type { Database } from '@pressferry/database';
import type { Delivered, Outcome } from '@pressferry/jetstream';
import { errorFields, type Logger } from '@pressferry/runtime';
import { type OutageOptions, type PublishDeadLetter, throughOutages } from '@pressferry/worker';
import { beginSuspect, endSuspect } from '../db/suspects.ts';
import type { Metrics } from '../metrics.ts';
import { giveUp } from './give-up.ts';

/** Deliveries from which a message is handled alone: it may be what kills its worker. */
const SUSPECT_FROM_DELIVERY = 5;
/** Deaths over one message that a worker had alone in flight. */
const MAX_KILLS = 5;

export const isSuspect = ({ delivery }: Pick<Delivered, 'delivery'>): boolean => delivery >= SUSPECT_FROM_DELIVERY;

export interface SuspectDeps {
  db: Database;
  health: OutageOptions['health'];
  givingUp: AbortSignal;
  publishDeadLetter: PublishDeadLetter;
  metrics: Pick<Metrics, 'event'>;
  logger: Logger;
}

/**
 * Handles a suspect, and counts in Postgres how often a worker began it and died: restarts and outages also use up
 * deliveries. A message that killed too many becomes a dead letter. Once the database has answered to it, the message
 * is cleared, because a later death is not its fault.
 */
export async function takeSuspect(
  message: Delivered,
  take: (onHeld: () => void) => Promise<Outcome>,
  deps: SuspectDeps,
): Promise<Outcome> {
  const digest = createHash('sha256').update(message.data).digest('hex');
  const kills = await stored(() => beginSuspect(deps.db, digest), deps);
  if (kills === undefined) return { kind: 'retry', delayMs: 0, reason: 'stopping' };
  if (kills >= MAX_KILLS) return buryKiller(message, { digest, kills, deps });
  let cleared: Promise<unknown> | undefined;
  const clear = (): Promise<unknown> => {
    cleared ??= stored(() => endSuspect(deps.db, digest), deps);
    return cleared;
  };
  const outcome = await take(() => void clear());
  await clear();
  return outcome;
}

interface Killer {
  digest: string;
  kills: number;
  deps: SuspectDeps;
}

async function buryKiller(message: Delivered, { digest, kills, deps }: Killer): Promise<Outcome> {
  const outcome = await giveUp(message, null, { ...deps, reason: 'worker_killed' });
  deps.metrics.event(outcome.kind === 'drop' ? 'worker_killed' : 'retry');
  const { stream, sequence, delivery } = message;
  deps.logger.error({ stream, sequence, delivery, kills, outcome: 'worker_killed' }, 'event.taken_in');
  if (outcome.kind === 'drop') await stored(() => endSuspect(deps.db, digest), deps);
  return outcome;
}

/** Undefined once `givingUp` is aborted. */
const stored = <T>(work: () => Promise<T>, { health, givingUp: signal, logger }: SuspectDeps): Promise<T | undefined> =>
  throughOutages(work, { health, signal, onError: (error) => logger.warn(errorFields(error), 'intake.held') });
