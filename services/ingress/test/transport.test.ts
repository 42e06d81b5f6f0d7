import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempDisposable, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { ConfigError } from '@pressferry/runtime';
import { ownTime, signedRequest, type TestSender, waitFor } from '@pressferry/testing';
import type { Ingress } from '../src/app.ts';
import { type Identity, makeIdentity } from './certificates.ts';
import { gatherLog } from './gathered-log.ts';
import { openWire, type WireAnswer, wireForm } from './wire.ts';
import { createWorld, metricsOf, untilEnd } from './world.ts';

const world = untilEnd(await createWorld());
const { path: folder } = untilEnd(await mkdtempDisposable(join(tmpdir(), 'pressferry-tls-')));

const ONE = makeIdentity('one');
const TWO = makeIdentity('two');

/** Writes certificate and key to the place that their own configuration names. */
async function putFiles(name: string, { cert, key }: Identity): Promise<Record<string, string>> {
  const env = { TLS_CERT_PATH: join(folder, `${name}.crt`), TLS_KEY_PATH: join(folder, `${name}.key`) };
  await Promise.all([writeFile(env.TLS_CERT_PATH, cert), writeFile(env.TLS_KEY_PATH, key)]);
  return env;
}

/** The name of the certificate that a new handshake gets. */
async function servedName(apiUrl: string): Promise<string | undefined> {
  using wire = await openWire(apiUrl, { rejectUnauthorized: false });
  const certificate = (wire.socket as TLSSocket).getPeerX509Certificate();
  return certificate?.subject.replace('CN=', '');
}

/** The code of the alert that ends a handshake, or of the answer if it succeeds. */
async function handshakeFault(apiUrl: string, options: ConnectionOptions): Promise<string> {
  const socket = connect({
    port: Number(new URL(apiUrl).port),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...options,
  });
  try {
    await once(socket, 'secureConnect');
    // In TLS 1.3 a server judges the client's certificate after the client thinks that all is well.
    socket.write('GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n');
    return await Promise.race([once(socket, 'data').then(() => 'none'), once(socket, 'close').then(() => 'closed')]);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  } finally {
    socket.destroy();
  }
}

/** A session that a client could resume. */
async function sessionOf(apiUrl: string, tls: ConnectionOptions): Promise<Buffer> {
  using wire = await openWire(apiUrl, { rejectUnauthorized: false, ...tls });
  const session = once(wire.socket, 'session');
  wire.write('GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await wire.next();
  const early = (wire.socket as TLSSocket).getSession();
  return tls.maxVersion === 'TLSv1.2' && early !== undefined ? early : (await session)[0];
}

async function postOver(apiUrl: string, sender: TestSender, tls: ConnectionOptions = {}): Promise<WireAnswer> {
  using wire = await openWire(apiUrl, { ca: ONE.cert, ...tls });
  wire.write(wireForm(signedRequest(sender)));
  return await wire.next();
}

const metric = async (of: Ingress, line: string): Promise<boolean> => (await metricsOf(of)).includes(line);

const ingress = untilEnd(await world.start({ ...(await putFiles('plain', ONE)), INSECURE: 'false' }));
const sender = await world.site();
await waitFor(async () => (await postOver(ingress.apiUrl, sender)).status === 202, { what: 'the site' });

describe('TLS', () => {
  test('answers and refusals over TLS carry HSTS, those of no HTTP too', async () => {
    assert.match(ingress.apiUrl, /^https:/);
    const HSTS = 'max-age=63072000';
    assert.equal((await postOver(ingress.apiUrl, sender)).headers['strict-transport-security'], HSTS);
    using wire = await openWire(ingress.apiUrl, { ca: ONE.cert });
    for (const [bytes, code] of [
      ['GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n', 'not_found'],
      ['no http\r\n\r\n', 'request_malformed'],
    ]) {
      wire.write(bytes ?? '');
      const answer = await wire.next();
      assert.deepEqual([answer.code, answer.headers['strict-transport-security']], [code, HSTS]);
    }
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version} is spoken`, async () => {
      const answer = await postOver(ingress.apiUrl, sender, { minVersion: version, maxVersion: version });
      assert.equal(answer.status, 202);
    });
  }

  for (const version of ['TLSv1', 'TLSv1.1'] as const) {
    test(`${version} is refused by the server`, async () => {
      const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
      assert.equal(await handshakeFault(ingress.apiUrl, old), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
    });
  }

  for (const ciphers of ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES256-SHA384', 'ECDHE-ECDSA-AES128-SHA']) {
    test(`a client that knows only ${ciphers} is refused: no authenticated encryption`, async () => {
      const weak = { maxVersion: 'TLSv1.2', ciphers: `${ciphers}:@SECLEVEL=0` } as const;
      assert.match(
        await handshakeFault(ingress.apiUrl, weak),
        /^ERR_SSL_(SSL\/TLS|SSLV3|TLSV1)_ALERT_HANDSHAKE_FAILURE$/,
      );
    });
  }

  test('plain HTTP on the TLS port gets nothing', async () => {
    using wire = await openWire(ingress.apiUrl.replace('https:', 'http:'));
    wire.write(wireForm(signedRequest(sender)));
    assert.doesNotMatch(await wire.closed, /202/);
  });

  test('a connection that makes no handshake, and one that asks nothing after it, are closed in time', async () => {
    await using impatient = await world.start({ ...(await putFiles('slow', ONE)), HEADERS_TIMEOUT_MS: '500' });
    using time = ownTime();
    using silent = await openWire(impatient.apiUrl.replace('https:', 'http:'));
    using idle = await openWire(impatient.apiUrl, { ca: ONE.cert });
    assert.deepEqual(await Promise.all([silent.closed, idle.closed]), ['', '']);
    assert.ok(time.elapsedMs() < 2_000);
  });
});

describe('renewed certificates', () => {
  test('are served to new handshakes without a restart, while an old connection lives on', async () => {
    const log = gatherLog();
    const env = await putFiles('renewed', ONE);
    await using ingress = await world.start(env, { logger: log.logger });
    using old = await openWire(ingress.apiUrl, { ca: ONE.cert });
    await putFiles('renewed', TWO);
    await waitFor(async () => (await servedName(ingress.apiUrl)) === 'two', { what: 'the new certificate' });
    old.write('GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n');
    assert.equal((await old.next()).status, 200);
    assert.equal(log.of('certificate.changed').length, 1);
    assert.ok(await metric(ingress, 'reloads_total{what="certificate",outcome="changed"} 1'));
    const endsAtSeconds = new X509Certificate(TWO.cert).validToDate.getTime() / 1000;
    assert.ok(await metric(ingress, `certificate_expires_timestamp_seconds ${endsAtSeconds}`));
    // The rules do not loosen with the change.
    const old11 = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    assert.equal(await handshakeFault(ingress.apiUrl, old11), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  });

  test('that cannot be used leave the old ones in force, are reported once each, and heal', async () => {
    const log = gatherLog();
    const env = await putFiles('broken', ONE);
    await using ingress = await world.start(env, { logger: log.logger });
    const refused = (count: number) => () => log.of('certificate.refused').length === count;
    // A certificate without its key: half of a renewal, or a mistake.
    await writeFile(env.TLS_CERT_PATH ?? '', TWO.cert);
    await waitFor(refused(1), { what: 'the refusal' });
    assert.equal(await servedName(ingress.apiUrl), 'one');
    assert.ok(await metric(ingress, 'reloads_total{what="certificate",outcome="refused"} 1'));
    await rm(env.TLS_KEY_PATH ?? '');
    await waitFor(refused(2), { what: 'the report of the missing key' });
    assert.equal(await servedName(ingress.apiUrl), 'one');
    await putFiles('broken', TWO);
    await waitFor(async () => (await servedName(ingress.apiUrl)) === 'two', { what: 'the new certificate' });
    await writeFile(env.TLS_CERT_PATH ?? '', ONE.cert);
    await waitFor(refused(3), { what: 'the same fault a second time' });
    assert.equal(await servedName(ingress.apiUrl), 'two');
    assert.doesNotMatch(log.lines.join(''), /PRIVATE KEY|BEGIN/);
  });
});

describe('mTLS', () => {
  const authority = makeIdentity('edge authority');
  const edge = makeIdentity('edge', authority);
  const stranger = makeIdentity('edge', makeIdentity('edge authority'));

  test('a client without a certificate of the authority does not get through the handshake, one with it does', async () => {
    const TLS_CLIENT_CA_PATH = join(folder, 'clients.pem');
    await writeFile(TLS_CLIENT_CA_PATH, authority.cert);
    await using ingress = await world.start({ ...(await putFiles('mutual', ONE)), TLS_CLIENT_CA_PATH });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const none = await handshakeFault(ingress.apiUrl, { maxVersion });
      assert.match(none, /ERR_SSL|ECONNRESET|EPIPE|closed/, maxVersion);
      const foreign = await handshakeFault(ingress.apiUrl, { maxVersion, cert: stranger.cert, key: stranger.key });
      assert.match(foreign, /ERR_SSL|ECONNRESET|EPIPE|closed/, maxVersion);
      assert.equal(await handshakeFault(ingress.apiUrl, { maxVersion, cert: edge.cert, key: edge.key }), 'none');
    }
  });

  test('an authority that is replaced is believed no more, by resumed sessions neither', async () => {
    const TLS_CLIENT_CA_PATH = join(folder, 'replaced.pem');
    await writeFile(TLS_CLIENT_CA_PATH, authority.cert);
    const log = gatherLog();
    await using ingress = await world.start(
      { ...(await putFiles('replaced', ONE)), TLS_CLIENT_CA_PATH },
      { logger: log.logger },
    );
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      await writeFile(TLS_CLIENT_CA_PATH, authority.cert);
      const known = { maxVersion, cert: edge.cert, key: edge.key };
      await waitFor(async () => (await handshakeFault(ingress.apiUrl, known)) === 'none', { what: 'the authority' });
      const session = await sessionOf(ingress.apiUrl, known);
      const changes = log.of('certificate.changed').length;
      await writeFile(TLS_CLIENT_CA_PATH, stranger.cert);
      await waitFor(() => log.of('certificate.changed').length > changes, { what: 'the new authority' });
      assert.notEqual(await handshakeFault(ingress.apiUrl, known), 'none', maxVersion);
      assert.notEqual(await handshakeFault(ingress.apiUrl, { ...known, session }), 'none', `${maxVersion}, resumed`);
    }
  });
});

describe('TLS files at start', () => {
  const cases: [name: string, env: () => Promise<Record<string, string>>][] = [
    ['a missing file', async () => ({ ...(await putFiles('a', ONE)), TLS_CERT_PATH: join(folder, 'none.crt') })],
    ['a key of another certificate', () => putFiles('b', { cert: ONE.cert, key: TWO.key })],
    ['a certificate that is none', () => putFiles('c', { cert: 'no PEM', key: ONE.key })],
    ['a certificate without a key', async () => ({ TLS_CERT_PATH: (await putFiles('d', ONE)).TLS_CERT_PATH ?? '' })],
    ["a clients' authority without a certificate", async () => ({ TLS_CLIENT_CA_PATH: join(folder, 'none.pem') })],
    ['headers that may take longer than the whole request', async () => ({ HEADERS_TIMEOUT_MS: '11000' })],
  ];
  for (const [name, env] of cases) {
    test(`${name}: a ConfigError that shows nothing of the key`, async () => {
      await assert.rejects(world.start(await env()), (error: unknown) => {
        assert.ok(error instanceof ConfigError);
        assert.doesNotMatch(error.message, /BEGIN|no PEM/);
        return true;
      });
    });
  }
});
