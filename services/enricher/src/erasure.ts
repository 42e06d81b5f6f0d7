import { parseJson } from '@pressferry/contracts';
import type { Database } from '@pressferry/database';
import { erase, personByHash } from '@pressferry/erasure';
import type { Connection } from '@pressferry/jetstream';
import { errorFields, eventBodyContext, type Keyring, type Logger } from '@pressferry/runtime';
import { secretContext } from '@pressferry/sites';
import { type Loop, startLoop } from '@pressferry/worker';
import { z } from 'zod';
import { type ErasureRequest, nextErasureRequest, noteHandled, secretsOfSite } from './db/erasure-requests.ts';
import type { Metrics } from './metrics.ts';

export interface ErasureDeps {
  db: Database;
  connection: Pick<Connection, 'nats'>;
  keyring: Pick<Keyring, 'open'>;
  everyMs: number;
  untilReady: (signal: AbortSignal) => Promise<void>;
  metrics: Pick<Metrics, 'interruption'>;
  logger: Logger;
}

const bodySchema = z.object({ data: z.object({ subject_hash: z.string() }) });

/** Erases people that sites ask for by `subject.erasure_requested`, one request after the other. */
export function startErasures(deps: ErasureDeps): Loop {
  const { everyMs, untilReady, metrics, logger } = deps;
  return startLoop(
    async (stopping) => {
      await untilReady(stopping);
      await handleOpen(deps, stopping);
    },
    {
      intervalMs: () => everyMs,
      onInterruption: (error) => {
        metrics.interruption('erasure');
        logger.error(errorFields(error), 'erasure.interrupted');
      },
    },
  );
}

/** Oldest first. One that fails stays open for the next pass and does not delay the others. */
async function handleOpen(deps: ErasureDeps, signal: AbortSignal): Promise<void> {
  const failed: string[] = [];
  while (!signal.aborted) {
    const request = await nextErasureRequest(deps.db, failed);
    if (request === null) return;
    const { request_id, site_id } = request;
    try {
      await handle(request, deps);
    } catch (error) {
      failed.push(request_id);
      deps.logger.error({ request_id, site_id, ...errorFields(error) }, 'erasure.failed');
    }
  }
}

async function handle(request: ErasureRequest, { db, connection, keyring, logger }: ErasureDeps): Promise<void> {
  const { request_id, site_id, sealed_body } = request;
  const body = bodySchema.parse(parseJson(keyring.open(sealed_body, eventBodyContext(request_id)).toString('utf8')));
  const sealed = await secretsOfSite(db, site_id);
  const secrets = sealed.map((text) => keyring.open(text, secretContext(site_id)).toString('utf8'));
  const target = personByHash(body.data.subject_hash, site_id, secrets);
  const deps = { db, nats: connection.nats, keyring };
  const { events, messages, unreadable } = await erase(target, deps, { actor: `site:${site_id}` });
  if (unreadable > 0) throw new Error(`${unreadable} sealed texts do not open: a key is missing`);
  await noteHandled(db, request_id);
  logger.info({ request_id, site_id, events, messages }, 'erasure.done');
}
