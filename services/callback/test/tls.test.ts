import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createTransport } from '../src/http/transport.ts';

let folder: string;
let cert: string;
let port: number;
let server: ReturnType<typeof createServer>;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pressferry-tls-'));
  const subject = ['-subj', '/CN=site.example', '-addext', 'subjectAltName=DNS:site.example'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await promisify(execFile)('openssl', ['req', '-x509', '-days', '1', ...curve, ...subject, ...files]);
  cert = await readFile(join(folder, 'cert.pem'), 'utf8');
  const key = await readFile(join(folder, 'key.pem'), 'utf8');
  server = createServer({ cert, key }, (_request, response) => response.end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
after(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
const bounds = { allowPrivate: true, connectTimeoutMs: 60_000, resolve };
const push = { body: '{}', headers: {} };
const signal = new AbortController().signal;

test('a site whose certificate is trusted gets its push', async () => {
  await using transport = createTransport({ ...bounds, ca: cert });
  const answer = await transport.send(new URL(`https://site.example:${port}/`), push, { signal, timeoutMs: 60_000 });
  assert.equal(answer.kind === 'response' && answer.status, 200);
});

test('a certificate that no one vouches for, or of another name, gets nothing', async () => {
  await using stranger = createTransport(bounds);
  const untrusted = await stranger.send(new URL(`https://site.example:${port}/`), push, { signal, timeoutMs: 60_000 });
  assert.equal(untrusted.kind === 'fault' && untrusted.code, 'tls_failed');
  await using transport = createTransport({ ...bounds, ca: cert });
  const misnamed = await transport.send(new URL(`https://other.example:${port}/`), push, { signal, timeoutMs: 60_000 });
  assert.equal(misnamed.kind === 'fault' && misnamed.code, 'tls_failed');
});
