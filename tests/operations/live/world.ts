import { createPrivateKey, randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createReporter, type Stack, type StackSite, startStack } from '@pressferry/devstack';
import { type RequestOverrides, type SignedRequest, signedRequest, type TestSender } from '@pressferry/testing';
import type { Behaviours } from '@pressferry/vendor-simulator';
import { parse, stringify } from 'yaml';
import { type Receiver, startReceiver } from '../../../services/callback/test/receiver.ts';
import { type Monitoring, startMonitoring } from './monitoring.ts';

/** A running stack with traffic, a site that takes its results, and the monitoring next to it. */
export interface World extends AsyncDisposable {
  stack: Stack;
  monitoring: Monitoring;
  receiver: Receiver;
  /** The site of the traffic. */
  site: TestSender;
  send: (request: SignedRequest) => Promise<number>;
  /** A request in a site's name. */
  sign: (overrides?: RequestOverrides, sender?: TestSender) => SignedRequest;
  /** An event that an automation runs for. */
  article: () => RequestOverrides;
  behave: (behaviours: Behaviours) => Promise<unknown>;
  lines: string[];
}

const EVERY_MS = 400;
const DEMO = join(import.meta.dirname, '../../../config/automations/demo.yaml');
/** So wide that nothing waits for it: it is there to be shown. */
const RATE = { requests_per_minute: 60_000, tokens_per_minute: 600_000_000, concurrency: 1_000 };

/** Retries are many and quick, so an outage of a site does not end in dead letters within a test. */
const SERVICE_ENV = {
  enricher: { LEASE_MS: '3000', RESULT_SWEEP_MS: '500' },
  callback: {
    RETRY_SCHEDULE_MS: Array.from({ length: 50 }, () => '3000').join(','),
    BREAKER_PROBE_MIN_MS: '500',
    BREAKER_PROBE_MAX_MS: '1000',
    POLL_INTERVAL_MS: '100',
  },
};

export async function startWorld(programs: { prometheus: string; alertmanager: string }): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'pressferry-live-'));
  await chmod(folder, 0o711);
  opened.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const lines: string[] = [];
  const automations = join(folder, 'automations.yaml');
  await writeFile(automations, await withRate());
  const { PATH, HOME, NATS_SERVER_PATH, NODE_COMPILE_CACHE } = process.env;
  const stack = opened.use(
    await startStack({
      dataDir: join(folder, 'data'),
      env: { PATH, HOME, NATS_SERVER_PATH, NODE_COMPILE_CACHE },
      serviceEnv: { ...SERVICE_ENV, enricher: { ...SERVICE_ENV.enricher, AUTOMATIONS_FILE: automations } },
      reporter: createReporter({ write: (line) => lines.push(line) }),
      signal: new AbortController().signal,
      fail: (error) => lines.push(`given up: ${error.message}`),
    }),
  );
  const site = await senderOf(stack.file.sites[1] as StackSite);
  const receiver = opened.use(await startReceiver(site.hmacSecret));
  await stack.setCallbackUrl(site.siteId, receiver.url);
  const { vendor: _vendor, ...targets } = stack.file.opsUrls;
  const monitoring = opened.use(await startMonitoring(folder, programs, targets));

  const article = (): RequestOverrides => ({
    event: {
      event_type: 'post.published',
      object_ref: randomUUID(),
      data: { ...stack.file.samples['post.published'], title: `news ${randomUUID()}` },
    },
  });
  const sign: World['sign'] = (overrides = article(), sender = site) => signedRequest(sender, overrides);
  const send: World['send'] = async ({ method, headers, body }) => {
    const response = await fetch(`${stack.file.ingressUrl}/ingest`, { method, headers, body });
    await response.arrayBuffer();
    return response.status;
  };
  const stop = new AbortController();
  const traffic = (async () => {
    while (!stop.signal.aborted) {
      await send(sign()).catch(() => undefined);
      await delay(EVERY_MS);
    }
  })();
  opened.defer(async () => {
    stop.abort();
    await traffic;
  });
  const behave = async (behaviours: Behaviours) =>
    fetch(`${stack.file.vendorUrl}/_sim/behaviours`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(behaviours),
    });
  const owned = opened.move();
  return {
    ...{ stack, monitoring, receiver, site, send, sign, article, behave, lines },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The demo's automations, with a limit of the model's vendor. */
async function withRate(): Promise<string> {
  const { vendors, ...rest } = parse(await readFile(DEMO, 'utf8')) as { vendors: Record<string, object> };
  return stringify({ ...rest, vendors: { ...vendors, llm: { ...vendors.llm, rate: RATE } } });
}

export const senderOf = async (site: StackSite): Promise<TestSender> => ({
  ...site,
  alg: 'RS256',
  privateKey: createPrivateKey(await readFile(site.privateKeyFile, 'utf8')),
});
