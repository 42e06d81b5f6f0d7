// Preloaded by each service (`node --import @pressferry/runtime/telemetry`): starts OpenTelemetry's SDK if an OTLP endpoint is
// configured, before anything it instruments is loaded; without one it costs nothing. Settings are OpenTelemetry's own OTEL_* variables.
const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER } =
  process.env;
const isOff = OTEL_SDK_DISABLED === 'true' || OTEL_TRACES_EXPORTER === 'none';
if (!isOff && (OTEL_EXPORTER_OTLP_ENDPOINT || OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)) {
  const { startTracing } = await import('./start.ts');
  // What is held when the process ends is sent by `runService`.
  await startTracing(process.env, process.argv[1] ?? '');
}
