import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { signedRequest } from '@pressferry/testing';
import { openWire, wireForm } from './wire.ts';
import { type Answer, createWorld, metric, outcome, post, send, untilEnd } from './world.ts';

const world = untilEnd(await createWorld());

const forged = { headers: { 'x-signature': `sha256=${randomBytes(32).toString('hex')}` } };
/** Delayed for 2.5 s at least: far longer than the work that must come before. */
const SLOW = { REFUSAL_DELAY_MS: '5000' };

test('a sender that is not proved to be a site waits for the refusal, and no other waits with it', async () => {
  await using ingress = await world.start(SLOW);
  const site = await world.site({}, ingress);
  const order: (number | string)[] = [];
  const note = async (answer: Promise<Answer>): Promise<unknown> => order.push(outcome(await answer));
  const unproven = [note(post(ingress, site, forged)), note(send(ingress, { headers: {}, body: '' }))];
  await note(post(ingress, site));
  await note(post(ingress, site, { event: { data: 7 } }));
  assert.deepEqual(order, [202, 'envelope_invalid']);
  await Promise.all(unproven);
  assert.deepEqual(order.slice(2).sort(), ['content_type_unsupported', 'signature_mismatch']);
});

test('what is held back is answered before ingress stops', async () => {
  const ingress = await world.start({ REFUSAL_DELAY_MS: '1000' });
  const site = await world.site({}, ingress);
  const unproven = post(ingress, site, forged);
  // Answered behind the other, so ingress has the other in flight.
  assert.equal((await post(ingress, site)).status, 202);
  await ingress[Symbol.asyncDispose]();
  assert.equal((await unproven).body.code, 'signature_mismatch');
});

test('a sender that pipelines while a refusal is held back is cut off, so not waiting for answers gains nothing', async () => {
  await using ingress = await world.start(SLOW);
  const site = await world.site({}, ingress);
  using wire = await openWire(ingress.apiUrl);
  wire.write(wireForm(signedRequest(site, forged)).repeat(500));
  assert.equal(await wire.closed, '');
  const kept = await metric(ingress, 'refusals_kept_back');
  assert.ok(kept > 0 && kept < 100, `${kept} of 500 were worked on`);
});
