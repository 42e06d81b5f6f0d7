import { jetstreamManager } from '@nats-io/jetstream';
import { eventsStream, replaySubject, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { applyStreams, type Connection, ERROR_CODES, type Publisher, type PublishOutcome } from '@pressferry/jetstream';

/** A publish outcome if the store did not say. */
export type TokenUse = 'fresh' | 'replayed' | Exclude<PublishOutcome, { kind: 'stored' | 'duplicate' }>;

/** Where all services and replicas spend the ids of tokens: a token serves one request in all. */
export interface ReplayStore {
  /** For good: a sender makes a fresh token for each try. Never rejects. */
  spend: (siteId: string, jti: string) => Promise<TokenUse>;
}

const NOTHING = new Uint8Array(0);
const REMAKE_PAUSE_MS = 1_000;

/**
 * Spends ids in the stream REPLAY, which is in memory and lost with a restart of NATS; the first request that misses it
 * makes it again. A token spent before can then be replayed once; the event's idempotency key still prevents a second
 * effect.
 */
export function createReplayStore(connection: Connection, publisher: Publisher): ReplayStore {
  const remake = createRemake(connection);
  const publish = (siteId: string, jti: string): Promise<PublishOutcome> =>
    publisher.publish(replaySubject(siteId), NOTHING, { 'Nats-Msg-Id': `${siteId}:${jti}` });
  return {
    spend: async (siteId, jti) => {
      const outcome = await publish(siteId, jti);
      const isMissing = outcome.kind === 'unavailable' && outcome.reason === 'no_responders';
      return tokenUse(isMissing && (await remake()) ? await publish(siteId, jti) : outcome);
    },
  };
}

function tokenUse(outcome: PublishOutcome): TokenUse {
  if (outcome.kind === 'stored') return 'fresh';
  if (outcome.kind === 'duplicate') return 'replayed';
  // Another request is spending it now: one of the two came second.
  const isInProcess = outcome.kind === 'refused' && outcome.errorCode === ERROR_CODES.duplicateInProcess;
  return isInProcess ? 'replayed' : outcome;
}

function createRemake({ nats }: Connection): () => Promise<boolean> {
  let remaking: Promise<boolean> | undefined;
  let notBeforeMs = 0;
  const make = async (): Promise<boolean> => {
    const manager = await jetstreamManager(nats, { checkAPI: false });
    const { config } = await manager.streams.info(eventsStream(0));
    const all = streamDefinitions({ ...STREAM_DEFAULTS, replicas: config.num_replicas });
    await applyStreams(
      nats,
      all.filter(({ name }) => name === 'REPLAY'),
      [],
    );
    return true;
  };
  return () => {
    if (remaking !== undefined) return remaking;
    if (performance.now() < notBeforeMs) return Promise.resolve(false);
    remaking = make()
      .catch(() => false)
      .finally(() => {
        remaking = undefined;
        notBeforeMs = performance.now() + REMAKE_PAUSE_MS;
      });
    return remaking;
  };
}
