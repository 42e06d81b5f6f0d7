import type { Horizon } from '../db/horizon.ts';

/** About a day of measurements. */
const MOST_SAMPLES = 10_000;

/**
 * For how many seconds the horizon has been where it is, at least: since the first look at which its transaction id was
 * already given out. Postgres hides the start of other roles' transactions, but not their ids.
 */
export function createHorizonAge(): (horizon: Horizon, nowMs: number) => number {
  let looks: { next: bigint; atMs: number }[] = [];
  return ({ next, oldest }, nowMs) => {
    looks.push({ next, atMs: nowMs });
    const first = looks.findIndex((look) => look.next > oldest);
    if (first !== 0) looks = first < 0 ? [] : looks.slice(first);
    if (looks.length > MOST_SAMPLES) looks = looks.filter((_, at) => at % 2 === 0);
    return (nowMs - (looks[0]?.atMs ?? nowMs)) / 1000;
  };
}
