/**
 * Round robin over groups, in the order of their coming; a group's own order is kept. With `n` groups, a group's oldest
 * value leaves within `n` takes, however many values the others have.
 */
export class FairQueue<T> {
  /** In the order of their turns; none is empty. */
  readonly #groups = new Map<string, Group<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(group: string, value: T): void {
    const known = this.#groups.get(group);
    if (known === undefined) this.#groups.set(group, { values: [value], next: 0 });
    else known.values.push(value);
    this.#size++;
  }

  peek(isEligible: Condition = ANY): T | undefined {
    const waiting = this.#first(isEligible)?.[1];
    return waiting?.values[waiting.next];
  }

  take(isEligible: Condition = ANY): T | undefined {
    const first = this.#first(isEligible);
    if (first === undefined) return undefined;
    const [group, waiting] = first;
    const value = waiting.values[waiting.next++];
    this.#size--;
    this.#groups.delete(group);
    if (waiting.next < waiting.values.length) this.#groups.set(group, compacted(waiting));
    return value;
  }

  #first(isEligible: Condition): [string, Group<T>] | undefined {
    for (const one of this.#groups) if (isEligible(one[0])) return one;
    return undefined;
  }
}

type Condition = (group: string) => boolean;
const ANY: Condition = () => true;

interface Group<T> {
  values: T[];
  /** Index of the first value not taken. */
  next: number;
}

const COMPACT_FROM = 256;

/** Drops taken values once they are the larger part. */
function compacted<T>(group: Group<T>): Group<T> {
  if (group.next < COMPACT_FROM || group.next * 2 < group.values.length) return group;
  return { values: group.values.slice(group.next), next: 0 };
}
