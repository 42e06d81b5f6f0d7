import { z } from 'zod';
import { ENDPOINTS, type Endpoint, SAYINGS } from './endpoints.ts';

const behaviour = z.strictObject({
  /** Calls that it applies to (default 1), before the next in the list, and at last the normal answer. */
  times: z.union([z.int().min(1), z.literal('always')]).default(1),
  /** Waits before anything else. */
  latencyMs: z.int().min(0).max(600_000).optional(),
  /** An error in the vendor's form. */
  status: z.int().min(400).max(599).optional(),
  /** The `Retry-After` header: seconds, or an HTTP date. */
  retryAfter: z.union([z.int().min(0), z.string()]).optional(),
  /** The vendor's own word for the error: `insufficient_quota`, `DAILY`, `UNABLE_TO_LOCK_ROW`. */
  code: z.string().max(100).optional(),
  says: z.enum(SAYINGS).optional(),
  /** Never answers; the connection stays open. */
  hang: z.boolean().optional(),
  /** Cuts the connection: before the first byte, or in the middle of the normal answer's body. */
  cut: z.enum(['before-headers', 'mid-body']).optional(),
  /** A 200 with truncated JSON. */
  malformed: z.boolean().optional(),
  /**
   * With status, hang or cut before the headers: the vendor does its work first (default: it does not). The caller
   * cannot know, and must not have it done twice. Cut mid-body and malformed answers always come after the work.
   */
  effect: z.boolean().optional(),
});

const lists = Object.fromEntries(ENDPOINTS.map((name) => [name, z.array(behaviour).max(1_000).optional()]));

/** `PUT /_sim/behaviours` replaces the lists of the named endpoints. */
export const behavioursSchema = z.strictObject({
  /** A repeated Idempotency-Key gets the stored answer, without a second effect. */
  idempotent: z.boolean().optional(),
  ...(lists as Record<Endpoint, z.ZodOptional<z.ZodArray<typeof behaviour>>>),
});

export type Behaviour = z.infer<typeof behaviour>;
export type Behaviours = z.input<typeof behavioursSchema>;

/** Calls use up the lists in their order of arrival. */
export interface BehaviourQueues {
  readonly idempotent: boolean;
  /** Throws a ZodError for invalid behaviours. */
  set(behaviours: unknown): void;
  /** Undefined for a normal call. */
  take(endpoint: Endpoint): Behaviour | undefined;
  reset(): void;
}

export function createBehaviourQueues(): BehaviourQueues {
  const queues = new Map<Endpoint, { behaviour: Behaviour; left: number }[]>();
  let idempotent = false;
  return {
    get idempotent() {
      return idempotent;
    },
    set(behaviours) {
      const parsed = behavioursSchema.parse(behaviours);
      idempotent = parsed.idempotent ?? idempotent;
      for (const endpoint of ENDPOINTS) {
        const list = parsed[endpoint];
        if (!list) continue;
        const withCounts = list.map((one) => ({ behaviour: one, left: one.times === 'always' ? Infinity : one.times }));
        queues.set(endpoint, withCounts);
      }
    },
    take(endpoint) {
      const queue = queues.get(endpoint) ?? [];
      const first = queue[0];
      if (!first) return undefined;
      first.left--;
      if (first.left <= 0) queue.shift();
      return first.behaviour;
    },
    reset() {
      queues.clear();
      idempotent = false;
    },
  };
}
