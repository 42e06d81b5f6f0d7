import type { FastifyInstance } from 'fastify';
import { answerBy, judgeBy } from '../http/admit.ts';
import { addBodyReader, type Body, type BodyDeps } from '../http/body.ts';
import { type FindSiteDeps, type Head, type IngestDeps, judgeHead, takeEvent } from '../ingest/handle.ts';
import { isRefusal } from '../model.ts';
import { traceWork } from '../tracing.ts';

declare module 'fastify' {
  interface FastifyRequest {
    head: Head;
  }
}

/** `POST /ingest`. */
export async function addEvents(app: FastifyInstance, deps: IngestDeps & FindSiteDeps & BodyDeps): Promise<void> {
  addBodyReader(app, deps);
  app.decorateRequest('head');
  app.post('/ingest', {
    onRequest: judgeBy(async (request, reply) => {
      const head = judgeHead(request.raw, request.facts, deps);
      if (isRefusal(head)) return head;
      request.head = head;
      if (request.headers.expect !== undefined) reply.raw.writeContinue();
      return 'go on';
    }),
    handler: answerBy(async ({ head, facts, body = Buffer.alloc(0) }) => {
      const read = body as Body;
      if (!Buffer.isBuffer(read)) return read;
      return traceWork('receive event', () => takeEvent(head, read, facts, deps));
    }),
  });
}
