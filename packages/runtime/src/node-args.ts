/**
 * For every service (docs/decisions/0012-memory-of-a-busy-service.md). tests/repository/node-args.test.ts compares them
 * with the Dockerfile, the chart and the services' package.json.
 */
export const NODE_ARGS: readonly string[] = [
  '--max-semi-space-size=8',
  '--no-allocation-site-pretenuring',
  '--import',
  '@pressferry/runtime/telemetry',
];
