import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { signedRequest } from '@pressferry/testing';
import { openWire, wireForm } from './wire.ts';
import { type Answer, createWorld, post, send, type World } from './world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world[Symbol.asyncDispose]());

const forged = { headers: { 'x-signature': `sha256=${randomBytes(32).toString('hex')}` } };
/** Delayed for 1.5 s at least: far longer than the work that must come before. */
const SLOW = { REFUSAL_DELAY_MS: '3000' };

test('a sender that is not proved to be a site waits for the refusal, and no other waits with it', async () => {
  await using ingress = await world.start(SLOW);
  const site = await world.site({}, ingress);
  const order: string[] = [];
  const note = async (what: string, answer: Promise<Answer>): Promise<Answer> => {
    const got = await answer;
    order.push(what);
    return got;
  };
  const unproven = note('unproven', post(ingress.apiUrl, site, forged));
  const unsigned = note('unsigned', send(ingress.apiUrl, { headers: {}, body: '' }));
  const accepted = await note('accepted', post(ingress.apiUrl, site));
  const faulty = await note('faulty', post(ingress.apiUrl, site, { event: { data: 7 } }));
  assert.deepEqual(order, ['accepted', 'faulty']);
  assert.equal(accepted.status, 202);
  assert.equal(faulty.body.code, 'envelope_invalid');
  assert.equal((await unproven).body.code, 'signature_mismatch');
  assert.equal((await unsigned).status, 415);
});

test('what is held back is answered before ingress stops', async () => {
  const ingress = await world.start({ REFUSAL_DELAY_MS: '1000' });
  const site = await world.site({}, ingress);
  const unproven = post(ingress.apiUrl, site, forged);
  // Answered behind the other, so ingress has the other in flight.
  assert.equal((await post(ingress.apiUrl, site)).status, 202);
  await ingress[Symbol.asyncDispose]();
  assert.equal((await unproven).body.code, 'signature_mismatch');
});

test('a sender that pipelines while a refusal is held back is cut off, so not waiting for answers gains nothing', async () => {
  await using ingress = await world.start(SLOW);
  const site = await world.site({}, ingress);
  using wire = await openWire(ingress.apiUrl);
  wire.write(wireForm(signedRequest(site, forged)).repeat(500));
  assert.equal(await wire.closed, '');
  const text = await (await fetch(`${ingress.opsUrl}/metrics`)).text();
  const kept = Number(/^pressferry_ingress_refusals_kept_back (\d+)$/m.exec(text)?.[1]);
  assert.ok(kept > 0 && kept < 100, `${kept} of 500 were worked on`);
});
