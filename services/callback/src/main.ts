import { batchedStdout, createLogger, parseConfig, runMain, runService } from '@pressferry/runtime';
import { configSchema, startCallback } from './app.ts';

await runMain(async () => {
  const config = parseConfig(configSchema, process.env);
  const logger = createLogger('callback', config.LOG_LEVEL, batchedStdout());
  await runService(
    async ({ resources, fail }) => {
      resources.use(await startCallback(config, { logger, fail }));
    },
    { graceMs: config.SHUTDOWN_GRACE_MS, logger },
  );
});
