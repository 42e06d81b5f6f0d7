import { createHash } from 'node:crypto';
import type { Answer } from './endpoints.ts';

const MAX_STORED = 50_000;

/** `conflict`: the key came with another body before. */
export type Replay = { kind: 'new' } | { kind: 'replay'; answer: Answer } | { kind: 'conflict' };

/** Answers kept by a vendor that honours Idempotency-Key; the oldest go first. */
export interface Replays {
  find(key: string, body: string): Replay;
  store(key: string, body: string, answer: Answer): void;
  reset(): void;
}

export function createReplays(): Replays {
  const stored = new Map<string, { bodyHash: string; answer: Answer }>();
  return {
    find(key, body) {
      const found = stored.get(key);
      if (!found) return { kind: 'new' };
      return found.bodyHash === hash(body) ? { kind: 'replay', answer: found.answer } : { kind: 'conflict' };
    },
    store(key, body, answer) {
      stored.set(key, { bodyHash: hash(body), answer });
      const oldest = stored.keys().next();
      if (stored.size > MAX_STORED && !oldest.done) stored.delete(oldest.value);
    },
    reset: () => stored.clear(),
  };
}

const hash = (body: string) => createHash('sha256').update(body).digest('hex');
