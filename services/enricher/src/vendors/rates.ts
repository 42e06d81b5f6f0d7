import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@pressferry/database';
import { errorFields, type Logger } from '@pressferry/runtime';
import type { Vendor } from '../automations/vendors.ts';
import { changePermit, endPermit, grantPermits, lockRate, tokensEndInMs, waitAtLeast } from '../db/vendor-rates.ts';
import type { CallOutcome, RateLimit, RateRule } from '../model.ts';
import type { RateUse } from '../vendor-metrics.ts';
import { allowanceOf, countedTokens, paceMs, type RateState } from './rate.ts';

type RatedVendor = Pick<Vendor, 'name' | 'timeoutMs' | 'rate'>;

/** `allowed`: how many it could have claimed; `waitMs`: when there is room for more. */
export interface RatedClaim<R> {
  runs: R[];
  allowed: number;
  waitMs: number | null;
}

/** A call may be made now, or must wait. */
export type Begun =
  | { kind: 'begun'; end: (tokens: number | null) => Promise<void> }
  | { kind: 'wait'; outcome: CallOutcome };

/** The calls of one step under its vendor's limits. */
export interface RatedCalls {
  /**
   * Call it before a request, with the most tokens that it may take. If the step's first request must wait, its run is
   * given back. A later one waits here, because the earlier ones were paid for.
   */
  begin: (tokens: number, signal: AbortSignal) => Promise<Begun>;
}

/** For vendors without limits, and dry runs. */
export const UNRATED: RatedCalls = { begin: async () => ({ kind: 'begun', end: async () => undefined }) };

/** Limits of vendors, shared by all replicas in Postgres. */
export interface Rates<R extends object> {
  /** Claims as many runs as the limits let begin, all or none; each holds a permit until it is called or given back. */
  claim: (
    vendor: RatedVendor,
    limit: number,
    claim: (db: Database, limit: number) => Promise<R[]>,
  ) => Promise<RatedClaim<R>>;
  callsOf: (run: R, vendor: RatedVendor) => RatedCalls;
  /** Returns an unused permit. Never rejects. */
  giveBack: (run: R) => Promise<void>;
  used: () => RateUse[];
}

export interface RatesDeps {
  db: Database;
  leaseMs: number;
  /** How long a call counts after its end: a minute, shorter in tests. */
  windowMs?: number;
  logger: Pick<Logger, 'warn'>;
  onWait: (limit: RateLimit) => void;
  onRoom: (vendor: string) => void;
}

interface Permit {
  vendor: RatedVendor;
  rule: RateRule;
  permitId: string;
  tokens: number;
  /** The permit expires unless a call begins before this, by `performance.now()`. */
  beginByMs: number;
}

const LONGEST_LOOK_MS = 1_000;

export function createRates<R extends object>(deps: RatesDeps): Rates<R> {
  return new PostgresRates(deps);
}

class PostgresRates<R extends object> implements Rates<R> {
  readonly #deps: Required<RatesDeps>;
  readonly #permits = new WeakMap<R, Permit>();
  /** Mean tokens of a vendor's calls: the first estimate of a new call. */
  readonly #meanTokens = new Map<string, number>();
  readonly #seen = new Map<string, { state: RateState; rule: RateRule }>();

  constructor(deps: RatesDeps) {
    this.#deps = { windowMs: 60_000, ...deps };
  }

  async claim(
    vendor: RatedVendor,
    limit: number,
    claim: (db: Database, limit: number) => Promise<R[]>,
  ): Promise<RatedClaim<R>> {
    const { db, leaseMs, onWait } = this.#deps;
    const rule = vendor.rate;
    if (rule === undefined) return { runs: await claim(db, limit), allowed: limit, waitMs: null };
    const tokens = countedTokens(rule, Math.round(this.#meanTokens.get(vendor.name) ?? 0));
    return await db.transaction().execute(async (tx) => {
      const state = await this.#lock(tx, vendor.name, rule);
      const allowance = allowanceOf(state, rule, limit, tokens);
      const runs = allowance.calls === 0 ? [] : await claim(tx, allowance.calls);
      const permits = runs.map((run) => {
        const permit = this.#newPermit(vendor, rule, tokens);
        this.#permits.set(run, permit);
        return permit;
      });
      const { nextInMs } = allowanceOf(state, rule, permits.length, tokens);
      if (permits.length > 0)
        await grantPermits(tx, { vendor: vendor.name, permits, maxMs: this.#maxMs(vendor, leaseMs), nextInMs });
      const isCut = allowance.by !== null && runs.length === allowance.calls;
      if (allowance.by !== null && isCut) onWait(allowance.by);
      const waitMs = isCut && allowance.waitMs !== null ? Math.min(allowance.waitMs, LONGEST_LOOK_MS) : null;
      return { runs, allowed: allowance.calls, waitMs };
    });
  }

  callsOf(run: R, vendor: RatedVendor): RatedCalls {
    const { rate: rule } = vendor;
    if (rule === undefined) return UNRATED;
    let isFirst = true;
    return {
      begin: async (tokens, signal) => {
        const counted = countedTokens(rule, tokens);
        const mean = this.#meanTokens.get(vendor.name) ?? counted;
        this.#meanTokens.set(vendor.name, mean + (counted - mean) / 8);
        const held = this.#permits.get(run);
        if (isFirst && held !== undefined && performance.now() < held.beginByMs) {
          isFirst = false;
          const waitMs = await this.#fit(held, counted);
          if (waitMs !== null) return { kind: 'wait', outcome: parked(waitMs) };
          this.#permits.delete(run);
          return { kind: 'begun', end: this.#endOf({ ...held, tokens: counted }) };
        }
        isFirst = false;
        await this.giveBack(run);
        const permit = await this.#untilGranted(vendor, rule, counted, signal);
        if (permit === null) return { kind: 'wait', outcome: { kind: 'abandoned' } };
        return { kind: 'begun', end: this.#endOf(permit) };
      },
    };
  }

  async giveBack(run: R): Promise<void> {
    const permit = this.#permits.get(run);
    this.#permits.delete(run);
    if (permit !== undefined) await this.#end(permit, false, null);
  }

  used = (): RateUse[] =>
    [...this.#seen].flatMap(([vendor, { state, rule }]) => {
      const of = (limit: RateLimit, used: number, most: number | null) =>
        most === null ? [] : [{ vendor, limit, ratio: used / most }];
      return [
        ...of('requests', state.requests, rule.requestsPerMinute),
        ...of('tokens', state.tokens, rule.tokensPerMinute),
        ...of('concurrency', state.inFlight, rule.concurrency),
      ];
    });

  /** Counts a call with its own tokens; if they do not fit, returns how long to wait. */
  async #fit({ vendor: { name }, rule, permitId, tokens }: Permit, counted: number): Promise<number | null> {
    if (counted === tokens) return null;
    const { db, onWait } = this.#deps;
    return await db.transaction().execute(async (tx) => {
      const state = await this.#lock(tx, name, rule);
      const missing = state.tokens + counted - tokens - (rule.tokensPerMinute ?? Number.POSITIVE_INFINITY);
      if (missing <= 0) {
        const moreMs = paceMs(rule, counted) - paceMs(rule, tokens);
        await changePermit(tx, { vendor: name, permitId, tokens: counted, moreMs });
        return null;
      }
      onWait('tokens');
      const waitMs = Math.max(1, (await tokensEndInMs(tx, name, missing)) ?? LONGEST_LOOK_MS);
      // The others wait, too, or small calls would use up what this one waits for.
      await waitAtLeast(tx, name, waitMs);
      return waitMs;
    });
  }

  async #untilGranted(
    vendor: RatedVendor,
    rule: RateRule,
    tokens: number,
    signal: AbortSignal,
  ): Promise<Permit | null> {
    for (;;) {
      if (signal.aborted) return null;
      const granted = await this.#deps.db.transaction().execute(async (tx) => {
        const allowance = allowanceOf(await this.#lock(tx, vendor.name, rule), rule, 1, tokens);
        if (allowance.calls === 0) return allowance.waitMs ?? LONGEST_LOOK_MS;
        const permit = this.#newPermit(vendor, rule, tokens);
        const maxMs = this.#maxMs(vendor, this.#deps.leaseMs);
        await grantPermits(tx, { vendor: vendor.name, permits: [permit], maxMs, nextInMs: allowance.nextInMs });
        return permit;
      });
      if (typeof granted !== 'number') return granted;
      await delay(Math.min(granted, LONGEST_LOOK_MS), undefined, { signal }).catch(() => undefined);
    }
  }

  async #lock(tx: Database, vendor: string, rule: RateRule): Promise<RateState> {
    const state = await lockRate(tx, vendor, this.#deps.windowMs);
    this.#seen.set(vendor, { state, rule });
    return state;
  }

  #newPermit = (vendor: RatedVendor, rule: RateRule, tokens: number): Permit => ({
    ...{ vendor, rule, tokens, permitId: randomUUID(), beginByMs: performance.now() + this.#deps.leaseMs },
  });

  /** If its process dies, the call may have begun at the lease's end and taken its full timeout. */
  #maxMs = ({ timeoutMs }: RatedVendor, leaseMs: number): number => leaseMs + timeoutMs + this.#deps.windowMs;

  #endOf = (permit: Permit) => (tokens: number | null) =>
    this.#end(permit, true, tokens === null ? null : countedTokens(permit.rule, tokens));

  async #end({ vendor: { name }, rule, permitId, tokens: was }: Permit, isMade: boolean, tokens: number | null) {
    const { db, windowMs, logger, onRoom } = this.#deps;
    const stays = isMade ? paceMs(rule, tokens ?? was) : 0;
    const backMs = Math.max(0, paceMs(rule, was) - stays);
    try {
      await endPermit(db, { vendor: name, permitId, isMade, tokens, backMs, windowMs });
      if (backMs > 0) onRoom(name);
    } catch (error) {
      // It stops counting by itself.
      logger.warn(errorFields(error), 'rates.unsettled');
    }
  }
}

const parked = (delayMs: number): CallOutcome => ({
  ...{ kind: 'parked', code: 'rate_limited', statusCode: null },
  ...{ delayMs: Math.ceil(delayMs), detail: "the vendor's tokens_per_minute" },
});
