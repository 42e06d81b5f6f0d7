// What the plugin costs a visitor, and how fast it sends: `make bench-plugin`.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '@pressferry/embedded';
import { readCommandLine } from '@pressferry/runtime';
import { startMariaDb } from '../lanes/mariadb.ts';
import { type ServerKind, serve } from '../lanes/native-servers.ts';
import { createNativeSite } from '../lanes/native-site.ts';
import { measureDrain } from './drain.ts';
import { startFakeIngress } from './fake-ingress.ts';
import { COUNT_QUERIES, measureRecording } from './recording.ts';
import { settingsFor } from './settings.ts';
import { measureVisitors, type VisitorFigures } from './visitors.ts';

const WORKERS = 6;
const USAGE = `usage: node wordpress/bench/main.ts [options]
  --quick        fewer requests and events
  --server WORD  only the server with that word in its name: fpm, php -S
  --sending      only recording and sending, which need no server`;
const { quick, sending: sendingOnly, server } = readCommandLine(
  USAGE,
  (args) =>
    parseArgs({
      args,
      options: {
        quick: { type: 'boolean', default: false },
        sending: { type: 'boolean', default: false },
        server: { type: 'string', default: '' },
      },
    }).values,
);
const results = join(import.meta.dirname, '../../bench/results');

await using stack = new AsyncDisposableStack();
const figures: { visitors: VisitorFigures[]; recording?: unknown; drain?: unknown } = { visitors: [] };
const ingress = stack.use(await startFakeIngress());
const kinds = (['php-fpm', 'php -S'] as const satisfies ServerKind[]).filter(
  (kind) => kind.includes(sendingOnly ? 'fpm' : server),
);
for (const kind of kinds) {
  await using own = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'pressferry-bench-'));
  own.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const databasePort = await startMariaDb(dir, own);
  const site = await createNativeSite({ dir, databasePort, port: await freePort(), muPlugins: { queries: COUNT_QUERIES } });
  await serve(kind, site, { dir, workers: WORKERS, stack: own });
  console.log(`\n${kind}, ${WORKERS} workers`);
  if (!sendingOnly) figures.visitors.push(...(await measureVisitors({ kind, site, ingress, quick })));
  if (kind === 'php-fpm') {
    ingress.behaviour = 'healthy';
    figures.recording = await measureRecording(site, await settingsFor(ingress.url));
    figures.drain = await measureDrain(site, ingress, quick ? 200 : 1000);
  }
}
await mkdir(results, { recursive: true });
await writeFile(join(results, 'plugin.json'), `${JSON.stringify(figures, null, 2)}\n`);
