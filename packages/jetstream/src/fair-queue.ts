/**
 * A queue that deals its values out by group, one of each in turn, in the order of the groups' coming: with `n` groups in it, a group's oldest value
 * is the next within `n` deals, however many the others have. Inside a group the order is kept.
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

  /** The value that `take` hands out next. */
  peek(): T | undefined {
    const [first] = this.#groups.values();
    return first?.values[first.next];
  }

  take(): T | undefined {
    const [first] = this.#groups;
    if (first === undefined) return undefined;
    const [group, waiting] = first;
    const value = waiting.values[waiting.next++];
    this.#size--;
    this.#groups.delete(group);
    if (waiting.next < waiting.values.length) this.#groups.set(group, compacted(waiting));
    return value;
  }
}

interface Group<T> {
  values: T[];
  /** Those before it are taken. */
  next: number;
}

const COMPACT_FROM = 256;

/** Lets go of the values taken once they are the larger part. */
function compacted<T>(group: Group<T>): Group<T> {
  if (group.next < COMPACT_FROM || group.next * 2 < group.values.length) return group;
  return { values: group.values.slice(group.next), next: 0 };
}
