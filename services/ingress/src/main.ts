import { openLog, parseConfig, runMain, runService } from '@pressferry/runtime';
import { configSchema, startIngress } from './app.ts';

await runMain(async () => {
  const config = parseConfig(configSchema, process.env);
  const log = openLog('ingress', config.LOG_LEVEL);
  await runService(
    async ({ resources }) => {
      resources.use(await startIngress(config, { log }));
    },
    { graceMs: config.SHUTDOWN_GRACE_MS, logger: log.logger },
  );
});
