import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

const REPOSITORY = join(import.meta.dirname, '../../..');
/** Makes one span, as a service does, and ends. */
const PROGRAM = `
import { contextOf, flushSpans, inSpan, isTracing, SpanKind } from '@pressferry/runtime';
await inSpan('work', SpanKind.INTERNAL, contextOf(process.env.PARENT), async () => undefined);
await flushSpans();
console.log(isTracing());
process.exit(0);
`;

let folder: string;
const resources = new AsyncDisposableStack();
before(async () => {
  // Within the repository, because a package is found from the program's file.
  const parent = join(REPOSITORY, 'packages/runtime/test');
  folder = await mkdtemp(join(parent, 'tracing-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'services/sample/src'), { recursive: true });
  await writeFile(join(folder, 'services/sample/src/main.ts'), PROGRAM);
});
after(() => resources.disposeAsync());

/** Runs the program with a collector that takes traces only; resolves to the requests that came, and to the output. */
async function traced(env: Record<string, string>) {
  const requests: { url: string; body: string }[] = [];
  const collector = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    requests.push({ url: request.url ?? '', body: Buffer.concat(chunks).toString('latin1') });
    response.writeHead(request.url === '/v1/traces' ? 200 : 404).end();
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const args = ['--import', '@pressferry/runtime/telemetry', 'services/sample/src/main.ts'];
  const given = env.OFF === undefined ? { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } : {};
  const child = spawn(process.execPath, args, { cwd: folder, env: { PATH: process.env.PATH, ...given, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  await once(child, 'close');
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));
  return { requests, output };
}

test('spans name their service and its release without any variable, and nothing but traces is posted', async () => {
  const { requests, output } = await traced({});
  assert.match(output, /^true/, output);
  assert.deepEqual([...new Set(requests.map(({ url }) => url))], ['/v1/traces']);
  assert.match(requests[0]?.body ?? '', /service\.name[^a-z]+pressferry-sample/);
  assert.match(requests[0]?.body ?? '', /service\.version/);
});

test('OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before what the code says', async () => {
  const { requests } = await traced({
    OTEL_SERVICE_NAME: 'mine',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
  });
  assert.match(requests[0]?.body ?? '', /service\.name[^a-z]+mine/);
  assert.match(requests[0]?.body ?? '', /deployment\.environment/);
});

test('a sampler that takes nothing sends nothing, and a sampled parent is followed', async () => {
  const none = await traced({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' });
  assert.deepEqual(none.requests, []);
  const parent = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
  const followed = await traced({ ...parent, PARENT: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` });
  assert.equal(followed.requests.length, 1);
});

test('without an endpoint, or switched off, there is no SDK', async () => {
  for (const env of [{ OFF: '1' }, { OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }]) {
    const { requests, output } = await traced(env);
    assert.deepEqual([requests.length, output.trim()], [0, 'false']);
  }
});
