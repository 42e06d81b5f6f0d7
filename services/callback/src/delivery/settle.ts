import type { Claim } from '../db/claim.ts';
import type { AttemptRecord } from '../db/record.ts';
import type { FailureCode, StopReason } from '../model.ts';
import type { Decision } from './decide.ts';
import type { PublishDeliveryLetter } from './delivery-letter.ts';
import { nextDelayMs } from './schedule.ts';

export type Settlement = Pick<AttemptRecord, 'outcome' | 'failureCode' | 'next'>;

export interface SettleDeps {
  scheduleMs: readonly number[];
  random: () => number;
  publishDeliveryLetter: PublishDeliveryLetter;
  stopEverywhere: (endpoint: { siteId: string; callbackUrl: string }, reason: StopReason) => Promise<void>;
  onFault: (error: unknown) => void;
}

/** The delay of the next attempt if a dead letter or a stop could not be stored. */
const UNSETTLED_DELAY_MS = 60_000;

/**
 * Turns a decision into the attempt's record. Stores first what must not be lost: the dead letter before the delivery
 * is dead, the endpoint's stop before the delivery is held.
 */
export async function settle(
  decision: Decision,
  claim: Claim,
  callbackUrl: string,
  deps: SettleDeps,
): Promise<Settlement> {
  if (decision.kind === 'acknowledged') {
    return { outcome: 'acknowledged', failureCode: null, next: { status: 'acknowledged' } };
  }
  const { code } = decision;
  if (decision.kind === 'stopped') {
    try {
      await deps.stopEverywhere({ siteId: claim.siteId, callbackUrl }, decision.code);
      return { outcome: 'stopped', failureCode: code, next: { status: 'held' } };
    } catch (error) {
      deps.onFault(error);
      return { outcome: 'retry', failureCode: code, next: { status: 'pending', delayMs: UNSETTLED_DELAY_MS } };
    }
  }
  const failed = { attempt: claim.attempt, retryAfterMs: decision.retryAfterMs };
  const delayMs = nextDelayMs(failed, deps.scheduleMs, deps.random);
  if (delayMs !== null) return { outcome: 'retry', failureCode: code, next: { status: 'pending', delayMs } };
  return giveUp(claim, { code, tries: claim.attempt + claim.lost }, deps);
}

export async function giveUp(
  claim: Claim,
  { code, tries }: { code: FailureCode; tries: number },
  { publishDeliveryLetter }: Pick<SettleDeps, 'publishDeliveryLetter'>,
): Promise<Settlement> {
  const isKept = await publishDeliveryLetter(claim, code, tries);
  const next = isKept ? ({ status: 'dead' } as const) : ({ status: 'pending', delayMs: UNSETTLED_DELAY_MS } as const);
  return { outcome: 'retry', failureCode: code, next };
}
