import type { KeyObject } from 'node:crypto';
import { bodySignature, standardWebhooksHeaders } from '@pressferry/contracts';
import type { Push } from '../model.ts';

/** The body as JSON, and the site's live secrets, newest first. */
export interface Pushable {
  json: string;
  resultId: string;
  keys: readonly [KeyObject, ...KeyObject[]];
  sentAtMs: number;
  traceparent: string | undefined;
}

/** Checks and reads an opened result body, compact JSON; throws if it belongs to another result. */
export function readResultBody(plain: Buffer, resultId: string): string {
  const json = plain.toString('utf8');
  const isOfResult = json.startsWith('{') && json.endsWith('}') && json.includes(`"result_id":"${resultId}"`);
  if (!isOfResult) throw new Error('the sealed body is of another result');
  return json;
}

/**
 * Signs one attempt: the newest secret in `X-Signature`, every live one in `webhook-signature`. The body is not parsed:
 * large results would be slow, and numbers beyond JavaScript's precision would change.
 */
export function signPush({ json, resultId, keys, sentAtMs, traceparent }: Pushable): Push {
  const body = `${json.slice(0, -1)},"sent_at":"${new Date(sentAtMs).toISOString()}"}`;
  return {
    body,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      // A compressed answer could exceed its bound when opened.
      'accept-encoding': 'identity',
      'user-agent': 'Pressferry-Callback/1',
      'x-signature': bodySignature(keys[0], body),
      'x-idempotency-key': resultId,
      ...standardWebhooksHeaders(keys, resultId, sentAtMs, body),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
  };
}
