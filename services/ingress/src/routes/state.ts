import type { FastifyInstance } from 'fastify';
import { answerBy } from '../http/admit.ts';
import { type StateDeps, showState } from '../ingest/state.ts';

/** `GET /ingest/{idempotency_key}`: of whatever stands for the key, for what is none is refused behind the token. */
export async function addState(app: FastifyInstance, deps: StateDeps): Promise<void> {
  app.get(
    '/ingest/*',
    answerBy(({ params, raw, facts }) => showState((params as { '*': string })['*'], raw.rawHeaders, facts, deps)),
  );
}
