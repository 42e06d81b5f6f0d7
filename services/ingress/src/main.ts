import { batchedStdout, createLogger, parseConfig, runMain, runService } from '@pressferry/runtime';
import { configSchema, startIngress } from './app.ts';

await runMain(async () => {
  const config = parseConfig(configSchema, process.env);
  const logger = createLogger('ingress', config.LOG_LEVEL, batchedStdout());
  await runService(
    async ({ resources }) => {
      resources.use(await startIngress(config, { logger }));
    },
    { graceMs: config.SHUTDOWN_GRACE_MS, logger },
  );
});
