import type { Catalogue } from '@pressferry/contracts';
import type { FastifyInstance } from 'fastify';
import { answerBy } from '../http/admit.ts';
import { buildOpenApi } from '../openapi/build.ts';

/** `GET /openapi.json`, built once per catalogue. */
export async function addDescription(app: FastifyInstance, catalogue: () => Catalogue): Promise<void> {
  let described: Catalogue | undefined;
  let json = '';
  app.get(
    '/openapi.json',
    answerBy(async () => {
      const current = catalogue();
      if (current !== described) json = JSON.stringify(buildOpenApi(current));
      described = current;
      return { outcome: 'answered', status: 200, json };
    }),
  );
}
