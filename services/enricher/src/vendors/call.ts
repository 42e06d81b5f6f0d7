import { context as activeContext } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { activeTraceparent, contextOf, inSpan, recordedTraceparent, SpanKind } from '@pressferry/runtime';
import type { CallingStep, Step } from '../automations/compile.ts';
import type { Vendor } from '../automations/vendors.ts';
import type { Content } from '../content/content.ts';
import type { SealedRun } from '../content/context.ts';
import type { CallOutcome } from '../model.ts';
import type { Spend, SpendCall } from '../spend/spend.ts';
import type { Dialects } from './dialect.ts';
import { callHttp } from './http.ts';
import { callLlm } from './llm.ts';
import { stopped } from './parked.ts';
import type { RatedCalls } from './rates.ts';
import type { Transport } from './transport.ts';

export interface CallDeps {
  transport: Pick<Transport, 'send'>;
  content: Pick<Content, 'do'>;
  dialects: Dialects;
  spend: Spend;
  rated: (vendor: Vendor) => RatedCalls;
  vendors: ReadonlyMap<string, Vendor>;
  signal: AbortSignal;
  /** Asked right before each request: once false, another process may make the call. */
  isHeld: () => boolean;
}

export interface CalledRun extends SealedRun {
  automation: string;
  traceparent: string | null;
  steps: (SealedRun['steps'][number] & { attempt_count?: number; last_traceparent?: string | null })[];
}

export type TracedOutcome = CallOutcome & { traceparent?: string };

export interface CallOptions
  extends Pick<CallDeps, 'transport' | 'content' | 'dialects' | 'spend' | 'signal' | 'isHeld'> {
  /** Idempotency-Key and traceparent. */
  headers: Record<string, string>;
  run: SealedRun;
  position: number;
  counted: SpendCall;
  rated: RatedCalls;
}

/**
 * Makes a step's vendor call in a span of the event's trace. The Idempotency-Key is the same for every attempt in every
 * process, so a vendor that honours it works once.
 */
export async function callVendor(
  step: Step,
  run: CalledRun,
  position: number,
  { transport, content, dialects, spend, rated, vendors, signal, isHeld }: CallDeps,
): Promise<TracedOutcome> {
  const vendor = vendors.get(step.vendor);
  const { attempt_count: made = 0, last_traceparent: before = null } = run.steps[position] ?? {};
  return inSpan(
    `step ${step.type}`,
    SpanKind.CLIENT,
    contextOf(run.traceparent),
    async (span) => {
      span.setAttributes({
        'pressferry.run_id': run.run_id,
        'pressferry.step': step.name,
        'peer.service': step.vendor,
      });
      span.setAttribute('pressferry.attempt', made + 1);
      const traceparent = activeTraceparent() ?? run.traceparent;
      const headers = {
        'idempotency-key': `${run.run_id}:${step.name}`,
        ...(traceparent === null ? {} : { traceparent }),
      };
      const counted = { runId: run.run_id, siteId: run.site_id, automation: run.automation, vendor: step.vendor };
      if (await spend.isStopped(counted)) return stopped();
      if (vendor === undefined) throw new Error('a step of an unknown vendor was claimed');
      const common = { transport, content, dialects, spend, counted, headers, signal, isHeld, position };
      const options = { ...common, run: sealedRun(run), rated: rated(vendor) };
      // This span is the call's: an instrumented undici would add a second traceparent.
      const outcome = await activeContext.with(suppressTracing(activeContext.active()), () => {
        if (step.type === 'llm' && vendor.kind === 'llm') return callLlm(step, vendor, options);
        if (isCalling(step) && vendor.kind === 'http') return callHttp(step, vendor, options);
        throw new Error('a step and its vendor are of different kinds');
      });
      const recorded = recordedTraceparent(span);
      return recorded === undefined ? outcome : { ...outcome, traceparent: recorded };
    },
    { after: before },
  );
}

const isCalling = (step: Step): step is CallingStep => ['http', 'hubspot', 'salesforce'].includes(step.type);

/** Only what rendering needs, because it may go to another thread. */
export const sealedRun = ({
  run_id,
  request_id,
  site_id,
  event_type,
  object_ref,
  sealed_body,
  steps,
}: SealedRun): SealedRun => ({
  run_id,
  request_id,
  site_id,
  event_type,
  object_ref,
  sealed_body,
  steps: steps.map(({ name, position, sealed_output }) => ({ name, position, sealed_output })),
});
