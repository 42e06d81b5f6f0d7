import { createHash } from 'node:crypto';

/** Numbers that follow from a seed. */
export interface Random {
  /** From 0 up to 1. */
  number: () => number;
  between: (least: number, most: number) => number;
  shuffle: <T>(values: readonly T[]) => T[];
  /** A UUID of version 4. */
  uuid: () => string;
}

/** Numbers that follow from this text alone. */
export function createRandom(seed: string): Random {
  let turn = 0;
  const bytes = (): Buffer => createHash('sha256').update(`${seed}:${turn++}`).digest();
  const number = (): number => bytes().readUIntBE(0, 6) / 2 ** 48;
  return {
    number,
    between: (least, most) => least + number() * (most - least),
    shuffle: (values) =>
      values
        .map((value) => [number(), value] as const)
        .sort(([a], [b]) => a - b)
        .map(([, value]) => value),
    uuid: () => {
      const hex = bytes().toString('hex');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
    },
  };
}
