import { PROBLEM_CONTENT_TYPE, problem } from '@pressferry/contracts';
import type { FastifyReply } from 'fastify';
import type { Refusal } from '../model.ts';

/** Sends an RFC 9457 problem, with the headers that its status needs. */
export function sendRefusal(reply: FastifyReply, { code, detail, retryAfterSeconds }: Refusal): FastifyReply {
  const document = problem(code, detail);
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  if (document.status === 401) reply.header('www-authenticate', 'Bearer');
  // As bytes: Fastify would add a charset to a text, and JSON has none.
  return reply
    .code(document.status)
    .header('content-type', PROBLEM_CONTENT_TYPE)
    .send(Buffer.from(JSON.stringify(document)));
}
