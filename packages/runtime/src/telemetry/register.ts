// Preloaded by each service (`node --import @pressferry/runtime/telemetry`), to start OpenTelemetry's SDK before what
// it instruments is loaded, if an OTLP endpoint is configured. Settings are OpenTelemetry's OTEL_* variables.
const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER } =
  process.env;
const isOff = OTEL_SDK_DISABLED === 'true' || OTEL_TRACES_EXPORTER === 'none';
if (!isOff && (OTEL_EXPORTER_OTLP_ENDPOINT || OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)) {
  const { startTracing } = await import('./start.ts');
  // `runService` sends what is held at the end.
  await startTracing(process.env, process.argv[1] ?? '');
}
