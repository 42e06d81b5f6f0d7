import { createHash, randomUUID } from 'node:crypto';
import {
  type Context,
  context,
  createContextKey,
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

/** Which span comes before, and which id it gets. */
export interface SpanPlace {
  /** The `traceparent` of the previous attempt, which the span links to. */
  after?: string | null;
  /** 16 hexadecimal digits; by default random. */
  id?: string;
}

/** Runs `work` in a span below `parent`; without an SDK the parent's trace goes on. */
export async function inSpan<T>(
  name: string,
  kind: SpanKind,
  parent: Context,
  work: (span: Span) => Promise<T>,
  { after, id }: SpanPlace = {},
): Promise<T> {
  const former = trace.getSpanContext(contextOf(after));
  const links = former === undefined ? [] : [{ context: former }];
  const tracer = trace.getTracer('pressferry');
  const start = (): Span => tracer.startSpan(name, { kind, links }, parent);
  const span = id === undefined ? start() : context.with(parent.setValue(SPAN_ID, id), start);
  return context.with(trace.setSpan(parent, span), async () => {
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

const SPAN_ID = createContextKey('pressferry span id');

/** For the SDK: the id that the span which begins now is given. */
export function givenSpanId(): string | undefined {
  const id = context.active().getValue(SPAN_ID);
  return typeof id === 'string' ? id : undefined;
}

/**
 * Of a message's delivery. Its span's id follows from the delivery, because what handled the delivery before may be gone
 * and has left no note of its span.
 */
export function placeOfDelivery(
  { stream, sequence, delivery }: { stream: string; sequence: number; delivery: number },
  traceparent: string | undefined,
): SpanPlace {
  const idOf = (number: number): string =>
    createHash('sha256').update(`${stream}:${sequence}:${number}`).digest('hex').slice(0, 16);
  const publishing = trace.getSpanContext(contextOf(traceparent));
  if (publishing === undefined || !isTracing()) return {};
  const flags = publishing.traceFlags.toString(16).padStart(2, '0');
  return {
    id: idOf(delivery),
    ...(delivery > 1 ? { after: `00-${publishing.traceId}-${idOf(delivery - 1)}-${flags}` } : {}),
  };
}

export { SpanKind };
