import type { FastifyInstance } from 'fastify';
import { answerBy } from '../http/admit.ts';
import { type StateDeps, showState } from '../ingest/state.ts';

/** `GET /ingest/{idempotency_key}`; a malformed key is refused after the token is checked. */
export async function addState(app: FastifyInstance, deps: StateDeps): Promise<void> {
  app.get(
    '/ingest/*',
    answerBy(({ params, raw, facts }) => showState((params as { '*': string })['*'], raw.rawHeaders, facts, deps)),
  );
}
