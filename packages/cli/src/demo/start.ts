import { join } from 'node:path';
import { startWordPress, type WordPress } from '@pressferry/embedded/wordpress';
import { CACHE_DIR, ROOT } from '../paths.ts';
import type { Secrets } from '../stack/secrets.ts';
import { type Stack, type StackOptions, startStack } from '../stack/stack.ts';

/** A stack with a real WordPress as its site `demo`. */
export interface Demo extends AsyncDisposable {
  stack: Stack;
  wordpress: WordPress;
  siteId: string;
}

/** How to run a demo; the times are seams for tests. */
export interface DemoOptions extends Omit<StackOptions, 'onPlanned'> {
  retryBaseMs?: number;
  cronIntervalMs?: number;
}

/** Starts the stack and, beside it, WordPress with the plugin configured; resolves once results can be pushed to it. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  await using opened = new AsyncDisposableStack();
  // WordPress must not go on starting once the stack has failed.
  const abandon = new AbortController();
  const signal = AbortSignal.any([options.signal, abandon.signal]);
  const begun: { wordpress?: Promise<WordPress>; siteId?: string } = {};
  opened.defer(async () => {
    abandon.abort();
    const started = await begun.wordpress?.catch(() => undefined);
    await started?.[Symbol.asyncDispose]();
  });
  const stack = opened.use(
    await startStack({
      ...options,
      onPlanned: (plan) => {
        begun.siteId = plan.secrets.sites[0]?.siteId ?? '';
        begun.wordpress = options.reporter.step(
          'WordPress',
          async (progress) =>
            startWordPress({
              cacheDir: CACHE_DIR,
              dataDir: plan.paths.wordpress,
              port: await plan.ports.of('wordpress'),
              pluginDir: join(ROOT, 'wordpress/pressferry'),
              config: siteConfig(plan.secrets, `${plan.ingressUrl}/ingest`, options.retryBaseMs ?? 2_000),
              onProgress: progress,
              signal,
              ...(options.cronIntervalMs === undefined ? {} : { cronIntervalMs: options.cronIntervalMs }),
            }),
          ({ url }) => url,
        );
        // Awaited below; until then its failure is nobody's.
        begun.wordpress.catch(() => undefined);
      },
    }),
  );
  const { wordpress: starting, siteId } = begun;
  if (starting === undefined || siteId === undefined) throw new Error('the stack named no site for WordPress');
  const wordpress = await starting;
  await stack.setCallbackUrl(siteId, wordpress.callbackUrl);
  const owned = opened.move();
  return { stack, wordpress, siteId, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function siteConfig({ sites }: Secrets, ingressUrl: string, retryBaseMs: number) {
  const [site] = sites;
  if (site === undefined) throw new Error('there is no demo site');
  const { siteId, issuer, audience, kid, privateKeyPem, hmacSecret } = site;
  return { siteId, issuer, audience, kid, privateKeyPem, hmacSecret, ingressUrl, retryBaseMs };
}
