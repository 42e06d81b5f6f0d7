import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { planCopies } from './fill.ts';
import { openKept } from './kept.ts';

const DAY_MS = 86_400_000;
const instant = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) });

test('each copy lies in its day as a whole, before its templates, and no two are of one number', () => {
  fc.assert(
    fc.property(
      instant,
      fc.integer({ min: 0, max: 600_000 }),
      fc.integer({ min: 1, max: 3_000 }),
      (last, span, count) => {
        const [firstMs, lastMs] = [last - span, last];
        const numbers = new Set<number>();
        for (const [day, copies] of planCopies(count, { firstMs, lastMs })) {
          const startMs = Date.parse(day);
          for (const { number, backMs } of copies) {
            assert.ok(backMs > 0 && firstMs - backMs >= startMs && lastMs - backMs < startMs + DAY_MS);
            numbers.add(number);
          }
        }
        assert.equal(numbers.size, count);
      },
    ),
  );
});

test('copies of an ordinary month leave no day of it empty', () => {
  const lastMs = Date.UTC(2026, 10, 26, 19);
  assert.equal(planCopies(1_000, { firstMs: lastMs - 10_000, lastMs }).size, 30);
});

test('a folder without a filled database is refused with the option that makes one', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'pressferry-kept-'));
  try {
    await assert.rejects(openKept(dir), /--keep-filled/);
  } finally {
    await rm(dir, { recursive: true });
  }
});
