import { setTimeout as delay } from 'node:timers/promises';
import { type JourneySite, signedRequest } from '@pressferry/testing/signing';
import type { SentEvent } from './judge.ts';
import type { Random } from './random.ts';

/** Sends as a site's outbox does: keeps an event until it is accepted, signs each try again. */
export interface Sender {
  events: readonly SentEvent[];
  /** Sends at random moments until so many events are under way, then waits until all are accepted, at most so long. */
  run: (load: { count: number; perSecond: number; patienceMs: number }) => Promise<void>;
}

export interface SenderOptions {
  name: string;
  ports: readonly number[];
  sites: readonly JourneySite[];
  random: Random;
  now: () => number;
}

const TRY_MS = 5_000;
const PAUSE_MS = 250;

/** A sender whose events carry its name. */
export function createSender({ name, ports, sites, random, now }: SenderOptions): Sender {
  const events: SentEvent[] = [];

  const deliver = async (index: number, stop: AbortSignal): Promise<void> => {
    const site = sites[index % sites.length];
    if (site === undefined) throw new Error('no site sends');
    const occurredAt = new Date().toISOString();
    const key = random.uuid();
    const event: SentEvent = { key, ref: `${name}-${index}`, acceptedAtMs: null };
    events.push(event);
    const fields = { email: 'ada@example.com', message: 'm'.repeat(600) };
    const data = { form_id: '7', form_name: 'Contact', fields };
    for (let tries = 0; !stop.aborted; tries++) {
      const sentAt = new Date().toISOString();
      const request = signedRequest(site, {
        event: {
          event_type: 'form.submitted',
          object_ref: event.ref,
          idempotency_key: key,
          occurred_at: occurredAt,
          sent_at: sentAt,
          data,
        },
      });
      const status = await post(ports[(index + tries) % ports.length] ?? 0, request);
      if (status === 202) {
        event.acceptedAtMs = now();
        return;
      }
      // What no retry heals is a fault of the test.
      if (status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429)
        throw new Error(`an event was refused with ${status}`);
      await delay(PAUSE_MS, undefined, { signal: stop }).catch(() => undefined);
    }
  };

  return {
    events,
    run: async ({ count, perSecond, patienceMs }) => {
      const stop = new AbortController();
      const under: Promise<void>[] = [];
      const startMs = now();
      let dueMs = startMs;
      for (let index = 0; index < count; index++) {
        dueMs += (-Math.log(1 - random.number()) * 1000) / perSecond;
        const waitMs = dueMs - now();
        if (waitMs > 0) await delay(waitMs);
        const one = deliver(index, stop.signal);
        one.catch(() => undefined);
        under.push(one);
      }
      const timer = setTimeout(() => stop.abort(), patienceMs);
      await Promise.all(under).finally(() => clearTimeout(timer));
    },
  };
}

/** The status; 0 if no answer came. */
async function post(port: number, { method, headers, body }: ReturnType<typeof signedRequest>): Promise<number> {
  try {
    const signal = AbortSignal.timeout(TRY_MS);
    const response = await fetch(`http://127.0.0.1:${port}/ingest`, { method, headers, body, signal });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}
