import { jetstreamManager } from '@nats-io/jetstream';
import { eventsStream, replaySubject, STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { applyStreams, type Connection, ERROR_CODES, type Publisher, type PublishOutcome } from '@pressferry/jetstream';

/** What became of a token's id; a publish outcome if the store did not say. */
export type TokenUse = 'fresh' | 'replayed' | Exclude<PublishOutcome, { kind: 'stored' | 'duplicate' }>;

/** The one place where every service and replica spends the ids of tokens: a token serves one request of any of them. */
export interface ReplayStore {
  /** Spends an id, for good: whatever becomes of the request, a sender makes a fresh token for each try. Never rejects. */
  spend: (siteId: string, jti: string) => Promise<TokenUse>;
}

const NOTHING = new Uint8Array(0);
const REMAKE_PAUSE_MS = 1_000;

/**
 * Spends ids in the stream REPLAY. It is kept in memory, so a restart of NATS takes it away; then it is made again, empty, by
 * the first request that misses it. A token spent before the loss can be replayed once; the event's idempotency key still prevents a second effect.
 */
export function createReplayStore(connection: Connection, publisher: Publisher): ReplayStore {
  const remake = createRemake(connection);
  const publish = (siteId: string, jti: string): Promise<PublishOutcome> =>
    publisher.publish(replaySubject(siteId), NOTHING, { 'Nats-Msg-Id': `${siteId}:${jti}` });
  return {
    spend: async (siteId, jti) => {
      const outcome = await publish(siteId, jti);
      const isMissing = outcome.kind === 'unavailable' && outcome.reason === 'no_responders';
      return judge(isMissing && (await remake()) ? await publish(siteId, jti) : outcome);
    },
  };
}

function judge(outcome: PublishOutcome): TokenUse {
  if (outcome.kind === 'stored') return 'fresh';
  if (outcome.kind === 'duplicate') return 'replayed';
  // Another request is spending it at this moment: one of the two came second.
  const isInProcess = outcome.kind === 'refused' && outcome.errorCode === ERROR_CODES.duplicateInProcess;
  return isInProcess ? 'replayed' : outcome;
}

/** Makes the stream again, once for all who ask at a time; resolves to whether it is there. */
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
