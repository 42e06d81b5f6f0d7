import type { Content } from '../content/content.ts';
import type { SealedRun } from '../content/context.ts';
import type { CallOutcome } from '../model.ts';

export interface Decided {
  decision?: 'approved' | 'rejected' | null;
  decided_by?: string | null;
  decided_at?: string | null;
  /** From an earlier release. */
  decision_reason?: string | null;
  sealed_reason?: string | null;
}

export interface OwnStepContext {
  run: SealedRun;
  content: Pick<Content, 'do'>;
  nowMs: number;
  /** When the step first began; `nowMs` at that time. */
  startedAtMs: number;
  isFirst: boolean;
  decided: Decided | undefined;
  /** Throws if it does not open. */
  reason: () => string | null;
  sealed: (json: string) => string;
  succeeded: (json: string) => CallOutcome;
}

/** Throws if a sealed text does not open, or on a bug. */
export type OwnStep<S> = (step: S, context: OwnStepContext) => Promise<CallOutcome>;

/** The definition does not fit the event; repeating does not help. */
export const failed = (detail: string): CallOutcome => ({
  ...{ kind: 'failed', code: 'template_failed', statusCode: null, detail },
});
