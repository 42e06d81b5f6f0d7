import { createPrivateKey } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createReporter, type Stack, type StackOptions, type StackSite, startStack } from '@pressferry/devstack';
import { type RequestOverrides, signedRequest, signedToken } from '@pressferry/testing';

/** Settings under which outages pass quickly: retries and leases of tenths of a second instead of seconds and hours. */
export const FAST: NonNullable<StackOptions['serviceEnv']> = {
  enricher: { LEASE_MS: '1500', RESULT_SWEEP_MS: '500' },
  callback: {
    RETRY_SCHEDULE_MS: Array.from({ length: 50 }, () => '200').join(','),
    BREAKER_PROBE_MIN_MS: '100',
    BREAKER_PROBE_MAX_MS: '200',
    POLL_INTERVAL_MS: '100',
  },
};

/** What every test gives a stack: its own data directory, no vendor but the simulator, the children's lines kept for a failure. */
export async function quietOptions(resources: AsyncDisposableStack): Promise<StackOptions & { lines: string[] }> {
  const parent = await mkdtemp(join(tmpdir(), 'pressferry-e2e-'));
  await chmod(parent, 0o711);
  resources.defer(() => rm(parent, { recursive: true, force: true, maxRetries: 3 }));
  const lines: string[] = [];
  const { PATH, HOME, NATS_SERVER_PATH } = process.env;
  return {
    dataDir: join(parent, 'data'),
    env: { PATH, HOME, NATS_SERVER_PATH },
    serviceEnv: FAST,
    reporter: createReporter({ write: (line) => lines.push(line) }),
    signal: new AbortController().signal,
    fail: (error) => lines.push(`given up: ${error.message}`),
    lines,
  };
}

/** Starts its own stack, which goes with `resources`. */
export async function startQuietStack(resources: AsyncDisposableStack): Promise<Stack> {
  const options = await quietOptions(resources);
  try {
    return resources.use(await startStack(options));
  } catch (cause) {
    throw new Error(`the stack did not start:\n${options.lines.join('\n')}`, { cause });
  }
}

/** The site for load tests, whose limits are lifted. */
export function loadSite({ file }: Stack): StackSite {
  const site = file.sites[1];
  if (site === undefined) throw new Error('stack.json names no second site');
  return site;
}

/** Sends an event in the site's name, as its plugin would. */
export async function send(stack: Stack, site: StackSite, overrides: RequestOverrides = {}) {
  const request = signedRequest({ ...site, alg: 'RS256', privateKey: await keyOf(site) }, overrides);
  const startedAt = performance.now();
  const response = await fetch(`${stack.file.ingressUrl}/ingest`, request);
  const body = (await response.json()) as { request_id?: string; code?: string };
  return { request, response, body, tookMs: performance.now() - startedAt };
}

/** Polls callback for the results of an event. */
export async function pollResults(stack: Stack, site: StackSite, requestId: string) {
  const token = signedToken({ ...site, alg: 'RS256', privateKey: await keyOf(site) });
  const response = await fetch(`${stack.file.callbackUrl}/results/${requestId}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return { status: response.status, text: await response.text() };
}

const keyOf = async (site: StackSite) => createPrivateKey(await readFile(site.privateKeyFile, 'utf8'));
