import { join } from 'node:path';
import type { Exit } from '@pressferry/embedded';
import { startWordPress, type WordPress } from '@pressferry/embedded/wordpress';
import { CACHE_DIR, ROOT } from '../paths.ts';
import { type Stack, type StackOptions, type StackPlan, startStack } from '../stack/stack.ts';
import { type Supervised, supervise } from '../stack/supervise.ts';

/** A stack with a real WordPress as its site `demo`. */
export interface Demo extends AsyncDisposable {
  readonly stack: Stack;
  /** Restarted on the same address and data if it ends by itself. */
  readonly wordpress: WordPress;
  readonly siteId: string;
}

/** The times are for tests. */
export interface DemoOptions extends Omit<StackOptions, 'onPlanned'> {
  retryBaseMs?: number;
  cronIntervalMs?: number;
}

// In WebAssembly, one request at a time: an answer can take longer than a real site's.
const ATTEMPT_TIMEOUT_MS = '30000';

/** The demo's WordPress has no visitors, whose requests would run WP-Cron. */
const CRON_INTERVAL_MS = 2_000;

/** Resolves once results can be pushed to the configured WordPress. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { reporter, fail } = options;
  await using opened = new AsyncDisposableStack();
  // WordPress must not go on starting once the stack has failed.
  const abandon = new AbortController();
  const signal = AbortSignal.any([options.signal, abandon.signal]);
  const begun: { site?: Site; starting?: Promise<Supervised<WordPress>> } = {};
  opened.defer(async () => {
    abandon.abort();
    const started = await begun.starting?.catch(() => undefined);
    await started?.[Symbol.asyncDispose]();
  });
  const stack = opened.use(
    await startStack({
      ...options,
      serviceEnv: { ...options.serviceEnv, callback: { ATTEMPT_TIMEOUT_MS, ...options.serviceEnv?.callback } },
      onPlanned: (plan) => {
        const site = siteOf(plan, options, signal);
        begun.site = site;
        begun.starting = reporter.step(
          'WordPress',
          (onProgress) =>
            supervise((onUnexpectedExit) => site.start(onProgress, onUnexpectedExit), {
              name: 'WordPress',
              say: reporter.say,
              fail,
            }),
          ({ server }) => server.url,
        );
        // Awaited below; until then nothing handles its failure.
        begun.starting.catch(() => undefined);
      },
    }),
  );
  const { site, starting } = begun;
  if (starting === undefined || site === undefined) throw new Error('the stack planned no site for WordPress');
  const supervised = await starting;
  const wordpress = supervised.server;
  // Stopped before the stack, which still accepts its last events.
  opened.defer(() =>
    reporter.step('stopping WordPress', async () => {
      delete begun.starting;
      await supervised[Symbol.asyncDispose]();
    }),
  );
  await stack.setCallbackUrl(site.siteId, wordpress.callbackUrl);
  const owned = opened.move();
  return {
    stack,
    siteId: site.siteId,
    wordpress,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Site {
  siteId: string;
  start: (onProgress: (line: string) => void, onUnexpectedExit: (exit: Exit) => void) => Promise<WordPress>;
}

function siteOf({ secrets, paths, ports, ingressUrl }: StackPlan, options: DemoOptions, signal: AbortSignal): Site {
  const [demo] = secrets.sites;
  if (demo === undefined) throw new Error('there is no demo site');
  const { siteId, issuer, audience, kid, privateKeyPem, hmacSecret } = demo;
  const { retryBaseMs = 2_000, cronIntervalMs = CRON_INTERVAL_MS } = options;
  return {
    siteId,
    start: async (onProgress, onUnexpectedExit) =>
      startWordPress({
        cacheDir: CACHE_DIR,
        dataDir: paths.wordpress,
        port: await ports.of('wordpress'),
        pluginDir: join(ROOT, 'wordpress/pressferry'),
        config: {
          ...{ siteId, issuer, audience, kid, privateKeyPem, hmacSecret, retryBaseMs },
          ingressUrl: `${ingressUrl}/ingest`,
        },
        onProgress,
        signal,
        cronIntervalMs,
        onUnexpectedExit,
      }),
  };
}
