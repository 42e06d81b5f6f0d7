import { z } from 'zod';
import { ENDPOINTS, type Endpoint, SAYINGS } from './endpoints.ts';

const behaviour = z.strictObject({
  /** How many calls it applies to (default 1), before the next in the list, and in the end the normal answer. */
  times: z.union([z.int().min(1), z.literal('always')]).default(1),
  /** Waits before anything else. */
  latencyMs: z.int().min(0).max(600_000).optional(),
  /** Answers this status with an error in the vendor's own form. */
  status: z.int().min(400).max(599).optional(),
  /** The `Retry-After` header: seconds, or an HTTP date as text. */
  retryAfter: z.union([z.int().min(0), z.string()]).optional(),
  /** The vendor's own word for the error: `insufficient_quota`, `DAILY`, `UNABLE_TO_LOCK_ROW`. */
  code: z.string().max(100).optional(),
  /** What a model answers in place of the usual. */
  says: z.enum(SAYINGS).optional(),
  /** Never answers; the connection stays open until the caller gives up. */
  hang: z.boolean().optional(),
  /** Cuts the connection: before the first byte, or in the middle of the normal answer's body. */
  cut: z.enum(['before-headers', 'mid-body']).optional(),
  /** Answers 200 with JSON that ends too early. */
  malformed: z.boolean().optional(),
  /**
   * With status, hang or cut before the headers: the vendor does its work before the fault strikes (default: it does
   * not). The caller cannot know, and must not have it done twice. Cut mid-body and malformed answers always come after
   * the work.
   */
  effect: z.boolean().optional(),
});

const lists = Object.fromEntries(ENDPOINTS.map((name) => [name, z.array(behaviour).max(1_000).optional()]));

/** The body of `PUT /_sim/behaviours`: replaces the lists of the endpoints it names and leaves the others. */
export const behavioursSchema = z.strictObject({
  /** Whether a repeated Idempotency-Key gets the stored answer again, without a second effect. */
  idempotent: z.boolean().optional(),
  ...(lists as Record<Endpoint, z.ZodOptional<z.ZodArray<typeof behaviour>>>),
});

export type Behaviour = z.infer<typeof behaviour>;
/** What a test asks for; defaults are filled in. */
export type Behaviours = z.input<typeof behavioursSchema>;

/** The lists of behaviours that calls use up in their order of arrival. */
export interface BehaviourQueues {
  readonly idempotent: boolean;
  /** Throws a ZodError for behaviours that make no sense. */
  set(behaviours: unknown): void;
  /** The behaviour of the next call, undefined for a normal one. */
  take(endpoint: Endpoint): Behaviour | undefined;
  reset(): void;
}

/** Makes empty queues: every call is normal. */
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
