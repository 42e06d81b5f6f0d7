/**
 * What every service starts Node with: memory of a busy service hangs on it (docs/decisions/0012-memory-of-a-busy-service.md).
 * The Dockerfile, the chart and the services' package.json say the same; tests/repository/node-args.test.ts compares them.
 */
export const NODE_ARGS: readonly string[] = [
  '--max-semi-space-size=8',
  '--no-allocation-site-pretenuring',
  '--import',
  '@pressferry/runtime/telemetry',
];
