import { batchedStdout, createLogger, enableTraceContext, parseConfig, runMain, runService } from '@pressferry/runtime';
import { startEnricher } from './app.ts';
import { configSchema } from './config.ts';

await runMain(async () => {
  const config = parseConfig(configSchema, process.env);
  const logger = createLogger('enricher', config.LOG_LEVEL, batchedStdout());
  enableTraceContext();
  await runService(
    async ({ resources, fail }) => {
      resources.use(await startEnricher(config, { env: process.env, logger, fail }));
    },
    { graceMs: config.SHUTDOWN_GRACE_MS, logger },
  );
});
