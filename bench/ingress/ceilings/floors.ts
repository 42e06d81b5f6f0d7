// A process of its own: what one RS256 verification with a parsed key, one HMAC of 1 KiB and one short sleep cost, with nothing around them.
import { createHmac, randomBytes, timingSafeEqual, verify } from 'node:crypto';
import { secretKey } from '@pressferry/contracts';
import { signedToken } from '@pressferry/testing/signing';
import { BODY_BYTES } from '../load/requests.ts';
import { benchPublicKey, benchSender } from '../load/site.ts';

/** CPU microseconds of one operation. */
export interface Floors {
  verifyUs: number;
  hmacUs: number;
  /** What a thread is charged for a sleep of a fifth of a millisecond and for waking up: no part of the floors, but of every turn that waits. */
  sleepUs: number;
}

const INPUTS = 200;
const WARM_UP_MS = 300;

function measure(operation: (turn: number) => void, ms: number): number {
  const run = (spanMs: number): number => {
    const endMs = performance.now() + spanMs;
    let turns = 0;
    for (; performance.now() < endMs; turns++) operation(turns);
    return turns;
  };
  run(WARM_UP_MS);
  const before = process.cpuUsage();
  const turns = run(ms);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / turns;
}

const tokens = Array.from({ length: INPUTS }, () => {
  const token = signedToken(benchSender);
  const dot = token.lastIndexOf('.');
  return { input: Buffer.from(token.slice(0, dot)), signature: Buffer.from(token.slice(dot + 1), 'base64url') };
});
const key = secretKey(benchSender.hmacSecret);
const bodies = Array.from({ length: INPUTS }, () => randomBytes(BODY_BYTES));
const digests = bodies.map((body) => createHmac('sha256', key).update(body).digest());

const SLEEP_MS = 0.2;
const cell = new Int32Array(new SharedArrayBuffer(4));

const ms = Number(process.argv[2] ?? 1_000);
const floors: Floors = {
  verifyUs: measure((turn) => {
    const token = tokens[turn % INPUTS];
    if (token === undefined || !verify('sha256', token.input, benchPublicKey, token.signature))
      throw new Error('a good signature must verify');
  }, ms),
  hmacUs: measure((turn) => {
    const body = bodies[turn % INPUTS] ?? Buffer.alloc(0);
    const digest = digests[turn % INPUTS] ?? Buffer.alloc(0);
    if (!timingSafeEqual(createHmac('sha256', key).update(body).digest(), digest))
      throw new Error('an equal digest must compare equal');
  }, ms),
  sleepUs: measure(() => void Atomics.wait(cell, 0, 0, SLEEP_MS), ms),
};
process.send?.(floors);
process.disconnect?.();
