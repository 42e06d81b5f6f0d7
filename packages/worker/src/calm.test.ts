import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Calm, createCalm } from './calm.ts';

const LEASE_MS = 12_000;
const EVERY_MS = LEASE_MS / 3;
const TIMEOUT_MS = LEASE_MS / 4;
/** The clock of Postgres at 0 of the process. */
const POSTGRES_MS = 1_800_000_000_000;

const heard = (sentAtMs: number, { tookMs = 5, leaptMs = 0 } = {}) => ({
  sentAtMs,
  answeredAtMs: sentAtMs + tookMs,
  postgresMs: POSTGRES_MS + sentAtMs + leaptMs,
});

describe('leases that ended may be taken over', () => {
  test('once renewals were answered for half a lease, and half a lease beyond the last one', () => {
    const calm = createCalm(LEASE_MS);
    assert.equal(calm.takeOverUntilMs(60_000), null);
    calm.heard(heard(0));
    assert.equal(calm.takeOverUntilMs(LEASE_MS / 2), null);
    assert.equal(calm.takeOverUntilMs(LEASE_MS / 2 + 1), POSTGRES_MS + LEASE_MS / 2);
  });

  const troubles: Record<string, (calm: Calm) => void> = {
    'a renewal that failed': (calm) => {
      calm.failed();
      calm.heard(heard(LEASE_MS));
    },
    'a slow renewal': (calm) => {
      calm.heard(heard(LEASE_MS - 2_000, { tookMs: 1_001 }));
      calm.heard(heard(LEASE_MS));
    },
    'a leap of the clock of Postgres': (calm) => calm.heard(heard(LEASE_MS, { leaptMs: 60_000 })),
    'a step back of that clock': (calm) => calm.heard(heard(LEASE_MS, { leaptMs: -60_000 })),
  };
  for (const [name, happen] of Object.entries(troubles))
    test(`not after ${name}, until renewals were answered for half a lease again`, () => {
      const calm = createCalm(LEASE_MS);
      calm.heard(heard(0));
      assert.notEqual(calm.takeOverUntilMs(LEASE_MS), null);
      happen(calm);
      assert.equal(calm.takeOverUntilMs(1.5 * LEASE_MS), null);
      assert.notEqual(calm.takeOverUntilMs(1.5 * LEASE_MS + 1), null);
    });

  test('from no worker that lives, however long Postgres stalls', () => {
    const stall = fc.record({
      kind: fc.constantFrom<Stall['kind']>('pause', 'lock'),
      afterMs: fc.integer({ min: LEASE_MS, max: 2 * LEASE_MS }),
      lastsMs: fc.integer({ min: 1, max: 20_000 }),
    });
    const phase = fc.integer({ min: 0, max: EVERY_MS - 1 });
    const property = fc.property(
      ...([fc.array(stall, { minLength: 1, maxLength: 5 }), phase, phase] as const),
      fc.integer({ min: 0, max: EVERY_MS / 2 }),
      fc.array(fc.integer({ min: -LEASE_MS / 2, max: LEASE_MS / 2 }), { minLength: 10, maxLength: 30 }),
      (made, holderPhaseMs, takerPhaseMs, holderLateMs, nearStalls) => {
        const stalls = inOrder(made);
        const leases = statements(holderPhaseMs, stalls, holderLateMs).flatMap(({ beganAtMs, failed }) =>
          failed ? [] : [beganAtMs],
        );
        const renewals = statements(takerPhaseMs, stalls);
        const claims = nearStalls.flatMap((nearMs) => stalls.map(({ toMs }) => Math.max(0, toMs + nearMs)));
        for (const sentAtMs of claims) {
          const calm = createCalm(LEASE_MS);
          for (const { sentAtMs: sent, beganAtMs, answeredAtMs, failed } of renewals) {
            if (answeredAtMs > sentAtMs) break;
            if (failed) calm.failed();
            else calm.heard({ sentAtMs: sent, answeredAtMs, postgresMs: beganAtMs });
          }
          const claim = carriedOut(sentAtMs, stalls);
          // The claim may come before a renewal that Postgres begins at the same time.
          const renewedAtMs = leases.findLast((beganAtMs) => beganAtMs < claim.beganAtMs);
          const untilMs = calm.takeOverUntilMs(sentAtMs);
          if (untilMs === null || renewedAtMs === undefined || claim.failed) continue;
          const hasEnded = renewedAtMs + LEASE_MS <= claim.beganAtMs;
          assert.ok(!(hasEnded && claim.beganAtMs <= untilMs), `taken over at ${claim.beganAtMs}`);
        }
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});

interface Stall {
  /** In a pause Postgres begins nothing; at a lock it begins, and waits. */
  kind: 'pause' | 'lock';
  fromMs: number;
  toMs: number;
}

function inOrder(made: readonly { kind: Stall['kind']; afterMs: number; lastsMs: number }[]): Stall[] {
  let atMs = 0;
  return made.map(({ kind, afterMs, lastsMs }) => {
    const fromMs = atMs + afterMs;
    atMs = fromMs + lastsMs;
    return { kind, fromMs, toMs: atMs };
  });
}

interface Statement {
  sentAtMs: number;
  beganAtMs: number;
  answeredAtMs: number;
  failed: boolean;
}

/** After a pause it begins late by `lateMs`. */
function carriedOut(sentAtMs: number, stalls: readonly Stall[], lateMs = 0): Statement {
  const stall = stalls.find(({ fromMs, toMs }) => fromMs <= sentAtMs && sentAtMs < toMs);
  if (stall === undefined) return { sentAtMs, beganAtMs: sentAtMs, answeredAtMs: sentAtMs + 1, failed: false };
  if (stall.kind === 'pause') {
    const beganAtMs = stall.toMs + lateMs;
    return { sentAtMs, beganAtMs, answeredAtMs: beganAtMs + 1, failed: false };
  }
  const failed = stall.toMs - sentAtMs > TIMEOUT_MS;
  const answeredAtMs = failed ? sentAtMs + TIMEOUT_MS : stall.toMs + 1;
  return { sentAtMs, beganAtMs: sentAtMs, answeredAtMs, failed };
}

/** The renewals of one worker: those that fall due while one is open are left out. */
function statements(phaseMs: number, stalls: readonly Stall[], lateMs = 0): Statement[] {
  const made: Statement[] = [];
  for (let atMs = phaseMs; atMs < 250_000; atMs += EVERY_MS) {
    if ((made.at(-1)?.answeredAtMs ?? -1) > atMs) continue;
    made.push(carriedOut(atMs, stalls, lateMs));
  }
  return made;
}
