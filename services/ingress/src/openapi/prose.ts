import { MAX_BODY_BYTES, MAX_DRIFT_MS, MAX_EVENT_AGE_MS, MAX_TOKEN_LIFE_S, TOKEN_SKEW_S } from '@pressferry/contracts';
import { MAX_DEPTH, MAX_MEMBERS } from '../ingest/json.ts';

const seconds = (ms: number): number => ms / 1000;

/** A client's steps in order; the vectors test each. */
export const ABOUT = `Takes events from registered sites. This description and the test vectors (\`proto/vectors\` of the source; their README
says what each file holds) are all that a client needs, in any language.

## To send an event

1. **Body.** Make the event's compact JSON in UTF-8: at most ${MAX_BODY_BYTES} bytes, ${MAX_DEPTH} levels deep, ${MAX_MEMBERS} members and elements in all,
   no member named twice, not compressed. Choose one \`idempotency_key\` (UUIDv4, lower case) for each business event and keep it over all
   tries. Keep the bytes as they are from here on: they are what is signed.
2. **X-Signature.** \`sha256=\` and the lower-case hex HMAC-SHA256 of exactly these bytes; the key is the UTF-8 bytes of the site's secret
   as it is written, decoded in no way. Vectors: \`hmac.json\`.
3. **Token.** Make a new JWT for every try; the security scheme \`siteToken\` says how. Vectors: \`tokens.json\`.
4. **Send** with \`X-Idempotency-Key\` equal to the body's. 202 means that the event is stored and will not be lost.
5. **Repeat** after 408, 425, 429, 5xx and network faults, and after nothing else: same key, same event, new token, new \`sent_at\`; wait
   for as long as \`Retry-After\` says, if it is there.

## Times

The newest time of an event, \`sent_at\` or, if there is none, \`occurred_at\`, must be within ${seconds(MAX_DRIFT_MS)} s of the server's clock. With
\`sent_at\`, \`occurred_at\` may be up to ${seconds(MAX_EVENT_AGE_MS) / 3600} h old and at most ${seconds(MAX_DRIFT_MS)} s ahead. Every answer carries \`Date\`, by which a client can correct its
clock. Vectors: \`drift.json\`.

## Repeats

The same key with the same event gives the same \`request_id\`, \`duplicate: true\` and the header \`Idempotent-Replayed: true\`; with another event
it is refused (\`idempotency_key_reused\`). Events are the same if their RFC 8785 canonical JSON without \`sent_at\` is. The \`request_id\` is
a UUIDv5 of site and key. Vectors: \`fingerprints.json\`, \`identifiers.json\`.

## Refusals

RFC 9457 problems. \`code\` is stable and meant for programs; \`type\` leads to its explanation; \`errors\` name places in the body, never values.
Any other path is answered 404 (\`not_found\`), any other method 405 (\`method_not_allowed\`, with \`Allow\`).`;

export const TOKEN = `A JWT (RFC 7519, compact JWS) signed with a key registered for the site, a new one for each request.

| part | value |
|---|---|
| header \`alg\` | the algorithm registered for the key: \`RS256\`, \`ES256\` or \`EdDSA\` (Ed25519); \`HS256\` only if the operator allows it |
| header \`kid\` | the key's registered id |
| \`iss\` | the site's registered issuer, by default its home URL |
| \`sub\` | the site's id |
| \`aud\` | the site's registered audience, \`pressferry\` unless configured; a list may hold others too |
| \`iat\`, \`exp\` | seconds since 1970; \`exp\` at most ${MAX_TOKEN_LIFE_S} s after \`iat\`; ${TOKEN_SKEW_S} s of skew are granted |
| \`nbf\` | optional, as \`iat\` |
| \`jti\` | 1–128 of \`A-Z a-z 0-9 . _ ~ : -\`, used once: a second use is refused everywhere |

No \`crit\`; at most 8192 characters. Vectors: \`tokens.json\`, with the keys in \`keys.json\`.`;

export const SEND = `Checks the event and stores it. Checks run from the cheapest to the dearest, and nothing is stored that has not passed them all; a
token that passed is spent, whatever becomes of the event. Calls no vendor: what is done with the event is decided later.`;

export const STATE = `Tells whether an event is known and how far it is. \`accepted\`: stored, not taken up yet; \`processing\`: taken up, perhaps finished since. Its outcome is
a result, which is pushed to the site or polled by it. Known for as long as its key is remembered: 24 h, or as configured.`;
