import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Arrival, VendorCall } from '@pressferry/testing/journey';
import { encodeRecord, readPool } from '../ingress/load/pool.ts';
import { makeRequest } from '../ingress/load/requests.ts';
import { createJourneyPlan } from './load/plan.ts';
import { prove, type Sending } from './proof.ts';

const dir = mkdtempSync(join(tmpdir(), 'pressferry-proof-'));
after(() => rmSync(dir, { recursive: true }));

/** Three events, the first two accepted, the third refused; and what a faultless product makes of them. */
function sending(): { sending: Sending; keys: string[]; arrivals: Arrival[]; calls: VendorCall[] } {
  const requests = Array.from({ length: 3 }, () => makeRequest('good'));
  const pool = [join(dir, 'pool')];
  writeFileSync(join(dir, 'pool'), Buffer.concat(requests.map(encodeRecord)));
  const plan = createJourneyPlan(readPool(pool));
  for (const status of [202, 202, 503]) {
    const job = plan.next();
    assert.ok(job);
    plan.record(job, status, Buffer.alloc(0), 1);
  }
  const outcomesFile = join(dir, 'outcomes');
  writeFileSync(outcomesFile, plan.outcomes());
  const keys = requests.map(({ idempotencyKey }) => idempotencyKey);
  const refs = requests.map(({ raw }) => /"object_ref":"([^"]+)"/.exec(raw.toString())?.[1] ?? '');
  const arrival = (at: number): Arrival => ({
    resultId: `result-${at}`,
    idempotencyKey: keys[at] ?? '',
    siteId: 'bench',
    status: 'succeeded',
    atMs: 1e12,
    acknowledgedAtMs: 1e12,
  });
  const call = (at: number): VendorCall => ({ key: `key-${at}`, ref: refs[at] ?? '', atMs: 0, answeredAtMs: 0 });
  return { sending: { pool, outcomesFile }, keys, arrivals: [arrival(0), arrival(1)], calls: [call(0), call(1)] };
}

test('events that are accepted once, called for once and delivered once are proven; refused ones are not asked after', () => {
  const { sending: one, arrivals, calls } = sending();
  const { accepted, delivered, faults, latencyMs } = prove([one], { arrivals, calls }, new Set());
  assert.deepEqual({ accepted, delivered, faults }, { accepted: 2, delivered: 2, faults: [] });
  assert.equal(latencyMs.count, 2);
});

test('a lost event, a doubled one, a failed one, one from nowhere and a second vendor call are faults, each named', () => {
  const faultsOf = (change: (made: ReturnType<typeof sending>) => void): string => {
    const made = sending();
    change(made);
    const { faults } = prove([made.sending], made, new Set());
    assert.equal(faults.length, 1, faults.join('\n'));
    const [fault = ''] = faults;
    return made.keys.reduce((text, key, at) => text.replaceAll(key, `event ${at}`), fault);
  };
  const lost = faultsOf(({ arrivals }) => arrivals.pop());
  assert.equal(lost, 'event 1 was accepted and did not arrive');
  const doubled = faultsOf(({ arrivals }) => arrivals.push(...arrivals.slice(1)));
  assert.equal(doubled, 'event 1 came to the sink twice');
  const failed = faultsOf((made) => {
    made.arrivals = made.arrivals.map((one, at) => (at === 0 ? { ...one, status: 'failed' } : one));
  });
  assert.equal(failed, 'event 0 ended as failed');
  const unknown = faultsOf(({ arrivals }) =>
    arrivals.push(...arrivals.slice(0, 1).map((one) => ({ ...one, idempotencyKey: 'x' }))),
  );
  assert.equal(unknown, 'x is unknown');
  const called = faultsOf(({ calls }) => calls.push(...calls.slice(0, 1).map((one) => ({ ...one, key: 'another' }))));
  assert.equal(called, 'event 0 was at the vendor 2 times: key-0, another');
});

test('a result that comes again in a later phase is a fault', () => {
  const { sending: one, arrivals, calls } = sending();
  const earlier = new Set<string>();
  prove([one], { arrivals, calls }, earlier);
  const { faults } = prove([], { arrivals: arrivals.slice(0, 1), calls: [] }, earlier);
  assert.deepEqual(faults, [`${arrivals[0]?.idempotencyKey} came again`]);
});
