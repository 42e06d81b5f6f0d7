const FIRST_SLOTS = 256;

/**
 * Values in flight by number, first in mostly first out. Not a Map: V8 keeps a busy Map's old tables until the next
 * full collection (docs/decisions/0012-memory-of-a-busy-service.md).
 */
export class RingBuffer<T> {
  #slots: (T | undefined)[] = new Array(FIRST_SLOTS).fill(undefined);
  /** Every lower number was taken. */
  #oldest = 0;
  #next = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(value: T): number {
    if (this.#next - this.#oldest === this.#slots.length) this.#grow();
    this.#slots[this.#next % this.#slots.length] = value;
    this.#size++;
    return this.#next++;
  }

  has(number: number): boolean {
    return this.#isKept(number) && this.#slots[number % this.#slots.length] !== undefined;
  }

  /** Removes a value; undefined if it was taken before or never added. */
  take(number: number): T | undefined {
    if (!this.#isKept(number)) return undefined;
    const slot = number % this.#slots.length;
    const value = this.#slots[slot];
    if (value === undefined) return undefined;
    this.#slots[slot] = undefined;
    this.#size--;
    while (this.#oldest < this.#next && this.#slots[this.#oldest % this.#slots.length] === undefined) this.#oldest++;
    return value;
  }

  oldest(): { number: number; value: T } | undefined {
    const value = this.#slots[this.#oldest % this.#slots.length];
    return value === undefined ? undefined : { number: this.#oldest, value };
  }

  #isKept(number: number): boolean {
    return number >= this.#oldest && number < this.#next;
  }

  #grow(): void {
    const grown: (T | undefined)[] = new Array(this.#slots.length * 2).fill(undefined);
    for (let number = this.#oldest; number < this.#next; number++) {
      grown[number % grown.length] = this.#slots[number % this.#slots.length];
    }
    this.#slots = grown;
  }
}
