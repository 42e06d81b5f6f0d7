import type { KeyObject } from 'node:crypto';
import { bodySignature, type ResultBody, resultBodySchema, standardWebhooksHeaders } from '@pressferry/contracts';

/** What is sent in one attempt. */
export interface Push {
  body: string;
  headers: Record<string, string>;
}

/** One result to push: its opened body, and every live secret of its site, newest first. */
export interface Pushable {
  result: ResultBody;
  keys: readonly [KeyObject, ...KeyObject[]];
  sentAtMs: number;
  traceparent: string | undefined;
}

/** Reads an opened result body; throws where it is not the body of this result. */
export function readResultBody(plain: Buffer, resultId: string): ResultBody {
  const result = resultBodySchema.parse(JSON.parse(plain.toString('utf8')));
  if (result.result_id !== resultId) throw new Error('the sealed body is of another result');
  return result;
}

/** Renders and signs one attempt: the newest secret in `X-Signature`, every live one in `webhook-signature`. */
export function signPush({ result, keys, sentAtMs, traceparent }: Pushable): Push {
  const body = JSON.stringify({ ...result, sent_at: new Date(sentAtMs).toISOString() });
  return {
    body,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      // A compressed answer could grow beyond its bound when it is opened.
      'accept-encoding': 'identity',
      'user-agent': 'Pressferry-Callback/1',
      'x-signature': bodySignature(keys[0], body),
      'x-idempotency-key': result.result_id,
      ...standardWebhooksHeaders(keys, result.result_id, sentAtMs, body),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}
