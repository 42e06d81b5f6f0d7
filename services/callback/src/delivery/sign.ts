import type { KeyObject } from 'node:crypto';
import { bodySignature, standardWebhooksHeaders } from '@pressferry/contracts';
import type { Push } from '../model.ts';

/** One result to push: its body as JSON, and every live secret of its site, newest first. */
export interface Pushable {
  json: string;
  resultId: string;
  keys: readonly [KeyObject, ...KeyObject[]];
  sentAtMs: number;
  traceparent: string | undefined;
}

/** Reads an opened result body, compact JSON as enricher made it; throws if it is not the body of this result. */
export function readResultBody(plain: Buffer, resultId: string): string {
  const json = plain.toString('utf8');
  const isOfResult = json.startsWith('{') && json.endsWith('}') && json.includes(`"result_id":"${resultId}"`);
  if (!isOfResult) throw new Error('the sealed body is of another result');
  return json;
}

/**
 * Renders and signs one attempt: the newest secret in `X-Signature`, every live one in `webhook-signature`. The body is not read to add
 * to it: that would cost large results dearly, and change numbers that JavaScript cannot hold.
 */
export function signPush({ json, resultId, keys, sentAtMs, traceparent }: Pushable): Push {
  const body = `${json.slice(0, -1)},"sent_at":"${new Date(sentAtMs).toISOString()}"}`;
  return {
    body,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      // A compressed answer could grow beyond its bound when it is opened.
      'accept-encoding': 'identity',
      'user-agent': 'Pressferry-Callback/1',
      'x-signature': bodySignature(keys[0], body),
      'x-idempotency-key': resultId,
      ...standardWebhooksHeaders(keys, resultId, sentAtMs, body),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}
