import { basename, dirname } from 'node:path';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, RandomIdGenerator, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { givenSpanId } from '../trace.ts';
import { VERSION } from '../version.ts';
import { samplerOf } from './sampler.ts';
import { withhold } from './withheld.ts';

/**
 * Sends only spans, by OTLP over HTTP. `main` is `services/<name>/src/main.ts`, which names the service unless
 * OTEL_SERVICE_NAME does.
 */
export async function startTracing(env: NodeJS.ProcessEnv, main: string): Promise<void> {
  const service = `pressferry-${basename(dirname(dirname(main)))}`;
  const resource = defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': service,
        'service.namespace': 'pressferry',
        'service.version': VERSION,
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
  const delay = Number(env.OTEL_BSP_SCHEDULE_DELAY);
  const processor = new BatchSpanProcessor({
    exporter: await exporterOf(env),
    ...(delay > 0 ? { scheduledDelayMillis: delay } : {}),
  });
  const random = new RandomIdGenerator();
  const provider = new TracerProvider({
    resource,
    sampler: samplerOf(env),
    spanProcessors: [processor],
    idGenerator: {
      generateTraceId: random.generateTraceId,
      generateSpanId: () => givenSpanId() ?? random.generateSpanId(),
    },
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  const http = new HttpInstrumentation({
    startIncomingSpanHook: withhold,
    // Services make the spans of their calls, which withhold what must not be said.
    disableOutgoingRequestInstrumentation: true,
    // Probes and scrapes come every few seconds and tell nothing.
    ignoreIncomingRequestHook: ({ url = '' }) => /^\/(livez|readyz|metrics)(\?|$)/.test(url),
  });
  registerInstrumentations({ instrumentations: [http], tracerProvider: provider });
}

/** By OTEL_EXPORTER_OTLP_PROTOCOL: http/json, or else http/protobuf. */
async function exporterOf(env: NodeJS.ProcessEnv): Promise<SpanExporter> {
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL ?? 'http/protobuf';
  if (protocol === 'http/json')
    return new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter();
  if (protocol !== 'http/protobuf')
    process.emitWarning(
      `OTEL_EXPORTER_OTLP_PROTOCOL=${protocol} is not supported, http/protobuf is used: give port 4318`,
    );
  return new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter();
}
