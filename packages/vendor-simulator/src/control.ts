import type { FastifyInstance } from 'fastify';
import { ZodError } from 'zod';
import type { BehaviourQueues } from './behaviours.ts';
import type { Ledger } from './ledger.ts';

export interface Controlled {
  queues: BehaviourQueues;
  ledger: Ledger;
  reset: () => void;
}

/** Under `/_sim`. */
export function registerControl(app: FastifyInstance, { queues, ledger, reset }: Controlled): void {
  app.put('/_sim/behaviours', async (request, reply) => {
    try {
      queues.set(request.body);
    } catch (error) {
      if (!(error instanceof ZodError)) throw error;
      return reply.code(400).send({ issues: error.issues });
    }
    return reply.code(204).send();
  });
  app.delete('/_sim', async (_request, reply) => {
    reset();
    return reply.code(204).send();
  });
  app.get('/_sim/ledger', async (request) => {
    const { idempotencyKey, endpoint, limit } = request.query as Record<string, string | undefined>;
    return ledger.view({ idempotencyKey, endpoint, limit: limit === undefined ? undefined : Number(limit) });
  });
  app.get('/_sim/health', async () => ({ status: 'ok' }));
}
