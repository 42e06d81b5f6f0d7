import { AckPolicy, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { eventsStream, shardOf } from '@pressferry/contracts';
import type { Site } from '@pressferry/sites';

export interface HeldEvents {
  /** Counts one more event; false if the bound is reached. Rejects if NATS does not answer. */
  admit: (site: Site) => Promise<boolean>;
}

export interface HeldDeps {
  manager: Pick<JetStreamManager, 'consumers'>;
  shards: number;
  defaultMax: number;
  now: () => number;
}

interface Count {
  pausedAtMs: number;
  held: number;
  readAtMs: number;
  reading?: Promise<void>;
}

/** Other replicas hold events too, so a count is read again after this time. */
const FRESH_MS = 1_000;

/**
 * Held events are those that JetStream received since the pause. The count is read at most once a second and added to
 * in between, so the bound may be exceeded by what the replicas accept in a second.
 */
export function createHeldEvents({ manager, shards, defaultMax, now }: HeldDeps): HeldEvents {
  const counts = new Map<string, Count>();

  const read = async (site: Site, count: Count): Promise<void> => {
    const shard = shardOf(site.siteId, shards);
    const stream = eventsStream(shard);
    const { name, num_pending } = await manager.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: 2_000_000_000,
      filter_subject: `pf.event.${shard}.${site.siteId}.>`,
      deliver_policy: DeliverPolicy.StartTime,
      opt_start_time: new Date(count.pausedAtMs).toISOString(),
    });
    count.held = num_pending;
    count.readAtMs = now();
    // If this fails, it expires.
    void manager.consumers.delete(stream, name).catch(() => undefined);
  };

  return {
    admit: async (site) => {
      const max = site.settings.max_held_events ?? defaultMax;
      let count = counts.get(site.siteId);
      if (count === undefined || count.pausedAtMs !== site.pausedAtMs) {
        count = { pausedAtMs: site.pausedAtMs, held: 0, readAtMs: Number.NEGATIVE_INFINITY };
        counts.set(site.siteId, count);
      }
      if (now() - count.readAtMs > FRESH_MS) {
        const reading = count;
        reading.reading ??= read(site, reading).finally(() => delete reading.reading);
        await reading.reading;
      }
      if (count.held >= max) return false;
      count.held++;
      return true;
    },
  };
}
