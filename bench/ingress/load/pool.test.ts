import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createPlan, OUTCOME_BYTES } from './plan.ts';
import { encodeRecord, type Pool, readPool } from './pool.ts';
import { BODY_BYTES, makeRequest } from './requests.ts';

function poolOf(kinds: Parameters<typeof makeRequest>[0][]): { pool: Pool; keys: string[] } {
  const requests = kinds.map((kind) => makeRequest(kind));
  const dir = mkdtempSync(join(tmpdir(), 'pressferry-pool-'));
  const paths = requests.map((request, at) => {
    writeFileSync(join(dir, `${at}`), encodeRecord(request));
    return join(dir, `${at}`);
  });
  const pool = readPool(paths);
  rmSync(dir, { recursive: true });
  return { pool, keys: requests.map(({ idempotencyKey }) => idempotencyKey) };
}

test('a pool gives back what was signed, every request distinct, bodies of 1 KiB', () => {
  const { pool, keys } = poolOf(['good', 'good']);
  assert.equal(pool.count, 2);
  assert.equal(new Set(keys).size, 2);
  for (const [at, key] of keys.entries()) {
    assert.equal(pool.idempotencyKey(at), key);
    assert.equal(pool.body(at).length, BODY_BYTES);
    assert.equal(JSON.parse(pool.body(at).toString()).idempotency_key, key);
    assert.ok(pool.raw(at).toString().startsWith('POST /ingest HTTP/1.1\r\n'));
  }
});

test('a plan sends one good request in ten, each once, and notes its answer in its place', () => {
  const { pool, keys } = poolOf(['good', 'good']);
  const { pool: hostile } = poolOf(['bad_hmac']);
  const plan = createPlan(pool, { cycle: false, hostile, goodEvery: 10 });
  const sent: boolean[] = [];
  for (let job = plan.next(); job !== null; job = plan.next()) {
    sent.push(job.isGood);
    const isSecond = job.isGood && job.index === 1;
    plan.record(job, isSecond ? 202 : 401, Buffer.from(`{"request_id":"${keys[1]}"}`), 1);
  }
  assert.deepEqual(
    sent.flatMap((isGood, at) => (isGood ? [at] : [])),
    [0, 10],
  );
  assert.deepEqual(plan.report().good.statuses, { 202: 1, 401: 1 });
  const outcomes = plan.outcomes();
  assert.equal(outcomes.readUInt16LE(0), 401);
  assert.equal(outcomes.readUInt16LE(OUTCOME_BYTES), 202);
  assert.equal(outcomes.toString('latin1', OUTCOME_BYTES + 2), keys[1]);
});
