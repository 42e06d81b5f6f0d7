import { capacityOf, perMs, type Rate } from './decision.ts';
import type { Shares } from './shares.ts';

export const TAKEN = 1;
export const SHORT = 0;
export const FULL = -1;
export type Taking = typeof TAKEN | typeof SHORT | typeof FULL;

/** Sums of fractions may miss a whole token by rounding; the debt stays in the level. */
const ROUNDING = 1e-9;
const FIRST_SLOTS = 1_024;
const SWEEP_PER_INSERT = 4;

/** Tokens given to another replica; their place stays free until they are used or returned. */
interface Grant {
  readonly id: string;
  readonly amount: number;
  readonly untilMs: number;
}

/**
 * Buckets of one scope, as two numbers per key in flat arrays. A full bucket is dropped, because an unknown key counts
 * as full. At `maxKeys` a new key is refused until the sweep frees a place: displacing another would forget what it
 * spent.
 */
export class BucketTable {
  readonly #shares: () => Shares;
  readonly #maxKeys: number;
  readonly #slots = new Map<string, number>();
  readonly #grants = new Map<string, Grant[]>();
  readonly #keys: string[] = [];
  #levels = new Float64Array(FIRST_SLOTS);
  #atMs = new Float64Array(FIRST_SLOTS);
  #ratesPerMs = new Float64Array(FIRST_SLOTS);
  #bursts = new Float64Array(FIRST_SLOTS);
  #cursor = 0;

  constructor(shares: () => Shares, maxKeys: number) {
    this.#shares = shares;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#slots.size;
  }

  take(key: string, rate: Rate, nowMs: number): Taking {
    const slot = this.#touch(key, rate, nowMs);
    if (slot < 0) return FULL;
    const level = this.#levels[slot] ?? 0;
    if (level < 1 - ROUNDING) return SHORT;
    this.#levels[slot] = level - 1;
    return TAKEN;
  }

  /** 0 if the key cannot be tracked. */
  level(key: string, rate: Rate, nowMs: number): number {
    const slot = this.#touch(key, rate, nowMs);
    return slot < 0 ? 0 : (this.#levels[slot] ?? 0);
  }

  /** Adds tokens up to the capacity, and returns how many fitted; a negative amount takes. */
  add(key: string, rate: Rate, amount: number, nowMs: number): number {
    const slot = this.#touch(key, rate, nowMs);
    if (slot < 0) return 0;
    const level = this.#levels[slot] ?? 0;
    const capacity = this.#shares().share * capacityOf(rate) - this.#lent(key);
    const fitting = Math.min(amount, Math.max(0, capacity - level));
    this.#levels[slot] = level + fitting;
    return fitting;
  }

  /** Takes tokens for another replica; until `untilMs` or settlement their place is not refilled. */
  give(key: string, rate: Rate, grant: Grant, nowMs: number): void {
    this.add(key, rate, -grant.amount, nowMs);
    this.#grants.set(key, [...(this.#grants.get(key) ?? []), grant]);
  }

  /** Ends a grant of which `back` was not used. An ended grant stays as it is. */
  endGrant(key: string, rate: Rate, id: string, back: number, nowMs: number): void {
    this.#touch(key, rate, nowMs);
    const grants = this.#grants.get(key);
    const grant = grants?.find((given) => given.id === id);
    if (grants === undefined || grant === undefined) return;
    this.#keep(
      key,
      grants.filter((given) => given !== grant),
    );
    this.add(key, rate, grant.amount * back, nowMs);
  }

  /** When the last open grant ends. */
  grantsUntilMs(): number {
    return Math.max(0, ...[...this.#grants.values()].flat().map(({ untilMs }) => untilMs));
  }

  /** Round robin: drops full ones among the next `count` buckets. */
  sweep(count: number, nowMs: number): void {
    const shares = this.#shares();
    for (let seen = 0; seen < count && this.#keys.length > 0; seen++) {
      if (this.#cursor >= this.#keys.length) this.#cursor = 0;
      const slot = this.#cursor;
      const key = this.#keys[slot] ?? '';
      const burst = this.#bursts[slot] ?? 0;
      const level = this.#fill(shares, slot, nowMs);
      if (this.#grants.size > 0 && this.#grants.has(key)) this.#expire(key, nowMs);
      if (level >= shares.share * burst && !this.#grants.has(key)) this.#remove(slot);
      else this.#cursor++;
    }
  }

  clear(): void {
    this.#slots.clear();
    this.#grants.clear();
    this.#keys.length = 0;
  }

  /** The key's slot, its level updated to now; -1 without room. */
  #touch(key: string, rate: Rate, nowMs: number): number {
    const shares = this.#shares();
    const slot = this.#slots.get(key);
    if (slot === undefined) return this.#insert(key, rate, shares, nowMs);
    this.#ratesPerMs[slot] = perMs(rate);
    this.#bursts[slot] = capacityOf(rate);
    let level = this.#fill(shares, slot, nowMs);
    if (this.#grants.size > 0 && this.#grants.has(key)) {
      level = Math.min(level, Math.max(0, shares.share * capacityOf(rate) - this.#lent(key)));
      this.#expire(key, nowMs);
    }
    this.#levels[slot] = level;
    this.#atMs[slot] = nowMs;
    return slot;
  }

  #fill(shares: Shares, slot: number, nowMs: number): number {
    const [level, atMs] = [this.#levels[slot] ?? 0, this.#atMs[slot] ?? 0];
    return shares.fill(level, atMs, nowMs, this.#ratesPerMs[slot] ?? 0, this.#bursts[slot] ?? 0);
  }

  #insert(key: string, rate: Rate, shares: Shares, nowMs: number): number {
    this.sweep(SWEEP_PER_INSERT, nowMs);
    const slot = this.#keys.length;
    if (slot >= this.#maxKeys) return -1;
    if (slot >= this.#levels.length) this.#grow();
    this.#keys.push(key);
    this.#slots.set(key, slot);
    this.#ratesPerMs[slot] = perMs(rate);
    this.#bursts[slot] = capacityOf(rate);
    this.#levels[slot] = shares.untouched(nowMs, perMs(rate), capacityOf(rate));
    this.#atMs[slot] = nowMs;
    return slot;
  }

  #remove(slot: number): void {
    const last = this.#keys.length - 1;
    const [key, moved] = [this.#keys[slot] ?? '', this.#keys[last] ?? ''];
    for (const numbers of [this.#levels, this.#atMs, this.#ratesPerMs, this.#bursts])
      numbers[slot] = numbers[last] ?? 0;
    this.#keys[slot] = moved;
    this.#slots.set(moved, slot);
    this.#slots.delete(key);
    this.#keys.pop();
  }

  #grow(): void {
    const grown = (numbers: Float64Array): Float64Array<ArrayBuffer> => {
      const larger = new Float64Array(numbers.length * 2);
      larger.set(numbers);
      return larger;
    };
    this.#levels = grown(this.#levels);
    this.#atMs = grown(this.#atMs);
    this.#ratesPerMs = grown(this.#ratesPerMs);
    this.#bursts = grown(this.#bursts);
  }

  #lent(key: string): number {
    let sum = 0;
    for (const { amount } of this.#grants.get(key) ?? []) sum += amount;
    return sum;
  }

  #expire(key: string, nowMs: number): void {
    const grants = this.#grants.get(key);
    if (grants?.some(({ untilMs }) => untilMs <= nowMs)) {
      this.#keep(
        key,
        grants.filter(({ untilMs }) => untilMs > nowMs),
      );
    }
  }

  #keep(key: string, grants: Grant[]): void {
    if (grants.length === 0) this.#grants.delete(key);
    else this.#grants.set(key, grants);
  }
}
