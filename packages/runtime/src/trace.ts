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

/** Makes `inSpan` pass its context on, with or without an SDK; call it once at start. */
export function enableTraceContext(): void {
  // A preloaded SDK has set its own manager; then this call has no effect.
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
}

export function newTraceparent(): string {
  const traceId = randomUUID().replaceAll('-', '');
  const spanId = randomUUID().replaceAll('-', '').slice(-16);
  return `00-${traceId}-${spanId}-01`;
}

export const traceIdOf = (traceparent: string): string => traceparent.slice(3, 35);

export const traceparentOr = (value: string | undefined): string =>
  value !== undefined && parseTraceParent(value) !== null ? value : newTraceparent();

export const contextOf = (traceparent: string | null | undefined): Context =>
  traceparent ? propagation.extract(ROOT_CONTEXT, { traceparent }) : ROOT_CONTEXT;

/** Undefined if there is none. */
export const activeTraceparent = (): string | undefined => traceparentOf(context.active());

function traceparentOf(from: Context): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(from, carrier);
  return carrier.traceparent;
}

/** For a later attempt to link to; undefined if the span is not recorded. */
export const recordedTraceparent = (span: Span): string | undefined =>
  span.isRecording() ? traceparentOf(trace.setSpan(ROOT_CONTEXT, span)) : undefined;

export const activeContext = (): Context => context.active();

/** True if an SDK records spans. Ask once at start, so hot paths make no spans for nothing. */
export function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  const untouched = new ProxyTracerProvider().getDelegate();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegate() !== untouched;
}

const FLUSH_MS = 2_000;

/** Sends the SDK's pending spans; gives up on a collector that does not answer. */
export async function flushSpans(): Promise<void> {
  const provider = trace.getTracerProvider();
  const sdk: object = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
  if (!('forceFlush' in sdk) || typeof sdk.forceFlush !== 'function') return;
  const flushed: Promise<void> = sdk.forceFlush().catch(() => undefined);
  await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
}

/**
 * Runs `work` in a span below `parent`; without an SDK the parent's trace goes on. The span links to `after`, the
 * previous attempt's `traceparent`.
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
