import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CACHE_DIR } from '@pressferry/devstack';
import { freePort, startChild } from '@pressferry/embedded';
import { installWordPress, playgroundArgs } from '@pressferry/embedded/wordpress';
import { waitFor } from '@pressferry/testing';
import { unzipSync } from 'fflate';
import { playground } from '../../wordpress/package/archive.ts';

// 400 MB are not fetched by surprise: `make test`, `make demo` or the variable below bring them.
const skip =
  existsSync(join(CACHE_DIR, 'playground/installed')) || process.env.PRESSFERRY_INSTALL_PLAYGROUND
    ? false
    : 'Playground is not installed; set PRESSFERRY_INSTALL_PLAYGROUND=1 to install it';

/** Follows redirects as a browser does: with the cookies that it was given. */
async function open(url: string): Promise<string> {
  const cookies = new Map<string, string>();
  for (let next = url, hops = 0; hops < 10; hops++) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(next, { headers: { cookie }, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split(/=(.*)/s);
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) return response.text();
    next = new URL(location, next).href;
  }
  throw new Error(`${url} redirects without end`);
}

test('the blueprint starts a WordPress with the plugin active, logged in at the screen that connects it', {
  skip,
  timeout: 300_000,
}, async () => {
  await using stack = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'pressferry-blueprint-'));
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const installation = await installWordPress({ cacheDir: CACHE_DIR, onProgress: () => undefined });
  // The blueprint writes into it.
  await cp(installation.wordpressDir, join(dir, 'wordpress'), { recursive: true });
  await rm(join(dir, 'wordpress/wp-content/plugins/pressferry'), { recursive: true, force: true });
  await mkdir(join(dir, 'bundle'));
  for (const [name, bytes] of Object.entries(unzipSync(playground())))
    await writeFile(join(dir, 'bundle', name), bytes);
  const { landingPage } = JSON.parse(Buffer.from(unzipSync(playground())['blueprint.json'] ?? []).toString());

  const port = await freePort();
  const child = await startChild({
    command: process.execPath,
    args: [
      ...playgroundArgs(installation.cliPath, 'server', [{ from: join(dir, 'wordpress'), to: '/wordpress' }]),
      ...['--blueprint', join(dir, 'bundle/blueprint.json'), '--blueprint-may-read-adjacent-files'],
      ...['--port', String(port), '--workers', '1', '--wordpress-install-mode', 'install-from-existing-files'],
    ],
    cwd: dir,
    env: { ...process.env, NODE_OPTIONS: '' },
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
  });
  stack.defer(async () => void (await child.stop()));
  const page = await waitFor(
    async () => {
      if (!child.running) throw new Error(`Playground ended: ${child.recentLog()}`);
      const text = await open(`http://127.0.0.1:${port}${landingPage}`).catch(() => '');
      return text.includes('id="wpadminbar"') ? text : undefined;
    },
    { what: 'the dashboard', timeoutMs: 240_000, everyMs: 500 },
  );
  assert.match(page, /<h2>Connect this site<\/h2>/);
  assert.match(page, /name="invitation"/);
});
