import { randomUUID } from 'node:crypto';
import {
  type Context,
  context,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { parseTraceParent, W3CTraceContextPropagator } from '@opentelemetry/core';

propagation.setGlobalPropagator(new W3CTraceContextPropagator());

/** Makes `inSpan` hand its context to what it calls, with or without an SDK; called once, when a service starts. */
export function enableTraceContext(): void {
  // An SDK that was preloaded has set its own; then this one is refused, which is right.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}

/** A W3C `traceparent` for a trace that starts here, sampled. */
export function newTraceparent(): string {
  const traceId = randomUUID().replaceAll('-', '');
  const spanId = randomUUID().replaceAll('-', '').slice(-16);
  return `00-${traceId}-${spanId}-01`;
}

/** The given `traceparent` if it is well formed, else a new one. */
export const traceparentOr = (value: string | undefined): string =>
  value !== undefined && parseTraceParent(value) !== null ? value : newTraceparent();

/** The context that a `traceparent` names, to run work in. */
export const contextOf = (traceparent: string | null | undefined): Context =>
  traceparent ? propagation.extract(ROOT_CONTEXT, { traceparent }) : ROOT_CONTEXT;

/** The active context's `traceparent`, to hand on; undefined if there is none. */
export const activeTraceparent = (): string | undefined => traceparentOf(context.active());

function traceparentOf(from: Context): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(from, carrier);
  return carrier.traceparent;
}

/** A span's `traceparent`, for a later attempt to link to; undefined if the span is not recorded. */
export const recordedTraceparent = (span: Span): string | undefined =>
  span.isRecording() ? traceparentOf(trace.setSpan(ROOT_CONTEXT, span)) : undefined;

/** The context that work runs in at the moment. */
export const activeContext = (): Context => context.active();

/** True if an SDK takes spans. Asked once, at start: where none does, a hot path need not make any. */
export function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  const untouched = new ProxyTracerProvider().getDelegate();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegate() !== untouched;
}

const FLUSH_MS = 2_000;

/** Has the SDK, if there is one, send the spans that it still holds; gives up on a collector that does not answer. */
export async function flushSpans(): Promise<void> {
  const provider = trace.getTracerProvider();
  const sdk: object = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
  if (!('forceFlush' in sdk) || typeof sdk.forceFlush !== 'function') return;
  const flushed: Promise<void> = sdk.forceFlush().catch(() => undefined);
  await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
}

/**
 * Runs `work` in a span of the given name below `parent`; without an SDK the parent's trace goes on unchanged. `after` is the `traceparent`
 * of the attempt before: the span links to it.
 */
export async function inSpan<T>(
  name: string,
  kind: SpanKind,
  parent: Context,
  work: (span: Span) => Promise<T>,
  after?: string | null,
): Promise<T> {
  const former = trace.getSpanContext(contextOf(after));
  const links = former === undefined ? [] : [{ context: former }];
  return trace.getTracer('pressferry').startActiveSpan(name, { kind, links }, parent, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

export { SpanKind };
