import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Stack, StackSite } from '@pressferry/devstack';
import { signedRequest, waitFor } from '@pressferry/testing';

/** A site that sends all the time, to every ingress in turn, and goes to the next one if a connection fails, as a proxy does. */
export interface Load extends AsyncDisposable {
  /** Signs with these from the next event on. */
  site: StackSite;
  /** Request ids that were answered 202. */
  accepted: string[];
  /** Everything else that was answered, as `status code`. */
  refused: string[];
  /** Resolves once so many more events were accepted. */
  more: (count: number) => Promise<void>;
  stop: () => Promise<void>;
}

const EVERY_MS = 40;
/** Of ingress, on a machine that may stall. */
export const PATIENT = { PUBLISH_TIMEOUT_MS: '10000' };

interface LoadOptions {
  /** By default one that calls no vendor. */
  type?: string;
  /** Repeats after a 503, as the plugin does: for rehearsals that are not about ingress, on a machine that may stall. */
  comesAgain?: boolean;
}

export function startLoad(
  stack: Stack,
  first: StackSite,
  { type = 'pressferry.test', comesAgain = false }: LoadOptions = {},
): Load {
  const stopping = new AbortController();
  const load: Load = {
    site: first,
    accepted: [],
    refused: [],
    more: (count) => {
      const goal = load.accepted.length + count;
      return waitFor(() => load.accepted.length >= goal, { what: `${count} more events`, timeoutMs: 60_000 }).then(
        () => undefined,
      );
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
    [Symbol.asyncDispose]: () => load.stop(),
  };
  const { ingressUrls, samples } = stack.file;
  const sendOne = async (number: number): Promise<void> => {
    const { site } = load;
    const privateKey = createPrivateKey(await readFile(site.privateKeyFile, 'utf8'));
    const event = { event_type: type, object_ref: `load-${number}`, data: samples[type] };
    for (let tries = 0; tries < 200; tries++) {
      const url = ingressUrls[(number + tries) % ingressUrls.length];
      // A proxy that repeats a request to another server needs a new token: ours signs for each try.
      const { headers, body } = signedRequest({ ...site, alg: 'RS256', privateKey }, { event });
      const response = await fetch(`${url}/ingest`, { method: 'POST', headers, body }).catch(() => undefined);
      if (response === undefined || (comesAgain && response.status === 503)) {
        await response?.arrayBuffer();
        await delay(50);
        continue;
      }
      const answer = (await response.json()) as { request_id?: string; code?: string };
      if (response.status === 202) load.accepted.push(answer.request_id ?? '');
      else load.refused.push(`${response.status} ${answer.code}`);
      return;
    }
    load.refused.push('no ingress took a connection');
  };
  const running = (async () => {
    const sending: Promise<void>[] = [];
    for (let number = 0; !stopping.signal.aborted; number++) {
      sending.push(sendOne(number));
      await delay(EVERY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await Promise.all(sending);
  })();
  return load;
}

/** Restarts the replicas of each service one after the other, each once the one before is ready: what a rolling update does. */
export async function rollAll(stack: Stack): Promise<void> {
  const services = Map.groupBy(stack.processes, ([name]) => name.replace(/-\d+$/, ''));
  await Promise.all(
    [...services.values()].map(async (replicas) => {
      for (const [name, server] of replicas) await roll(stack.file.opsUrls[name], server);
    }),
  );
}

async function roll(opsUrl: string | undefined, server: { pid: number }): Promise<void> {
  // The vendors' simulator has none.
  if (opsUrl === undefined) return;
  const { pid } = server;
  process.kill(pid, 'SIGTERM');
  const isBack = async (): Promise<boolean> =>
    server.pid !== pid && (await fetch(`${opsUrl}/readyz`).catch(() => undefined))?.ok === true;
  await waitFor(isBack, { what: `${opsUrl} to be ready again`, timeoutMs: 60_000 });
}

/** Ends the load: nothing was refused, and everything that was accepted reaches the site. */
export async function assertNothingLost(load: Load, stack: Stack, stored: ReadonlySet<string>): Promise<void> {
  await load.stop();
  assert.deepEqual(load.refused, []);
  await waitFor(async () => (await undelivered(stack, load.accepted, stored)).length === 0, {
    what: 'every accepted event to be answered at its site',
    timeoutMs: 60_000,
    everyMs: 200,
  });
}

/** The events whose results no site has stored yet. */
async function undelivered(stack: Stack, accepted: readonly string[], stored: ReadonlySet<string>): Promise<string[]> {
  const rows = await stack.db.selectFrom('results').select(['request_id', 'result_id']).execute();
  const delivered = new Set(rows.flatMap(({ request_id, result_id }) => (stored.has(result_id) ? [request_id] : [])));
  return accepted.filter((id) => !delivered.has(id));
}
