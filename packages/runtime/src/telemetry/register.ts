// Preloaded by each service (`node --import @pressferry/runtime/telemetry`): starts the OpenTelemetry SDK if an OTLP endpoint
// is configured, before anything it instruments is loaded; without one it costs nothing. Settings are OpenTelemetry's own OTEL_* variables.
if (process.env.OTEL_EXPORTER_OTLP_ENDPOINT || process.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) {
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const { HttpInstrumentation } = await import('@opentelemetry/instrumentation-http');
  const { withhold } = await import('./withheld.ts');
  const http = new HttpInstrumentation({
    startIncomingSpanHook: withhold,
    // Calls out of a service are spans of its own, which say no more of them than may be said.
    disableOutgoingRequestInstrumentation: true,
    // Probes and scrapes come every few seconds and tell nothing.
    ignoreIncomingRequestHook: ({ url = '' }) => /^\/(livez|readyz|metrics)(\?|$)/.test(url),
  });
  // `runService` sends the rest when the process ends.
  new NodeSDK({ instrumentations: [http] }).start();
}
