import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ownTime, signedRequest, waitFor } from '@pressferry/testing';
import { gatherLog } from './gathered-log.ts';
import { headOf, openWire, type Wire, wireForm } from './wire.ts';
import { metric, startScene, untilEnd } from './world.ts';

const HEADERS_MS = 1_000;
const REQUEST_MS = 2_000;
const KEEP_ALIVE_MS = 1_000;
/** Time-outs are looked at every half second; a busy machine adds to that. The default of each time-out is longer still. */
const SLACK_MS = 3_000;
const log = gatherLog();

const { world, ingress, site } = await startScene(
  {
    HEADERS_TIMEOUT_MS: String(HEADERS_MS),
    REQUEST_TIMEOUT_MS: String(REQUEST_MS),
    KEEP_ALIVE_TIMEOUT_MS: String(KEEP_ALIVE_MS),
  },
  { logger: log.logger },
);

/** Writes a text byte by byte until it is through or the connection is gone. */
function drip({ socket }: Wire, text: string, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => {
    if (at < text.length && socket.writable) socket.write(text.charAt(at++));
    else clearInterval(timer);
  }, everyMs);
  socket.once('close', () => clearInterval(timer));
}

/** Runs `work` and asserts that it took from `fromMs`, less what a timer may be early by, to `fromMs` + slack of ingress' own time. */
async function within(fromMs: number, work: () => Promise<void>): Promise<void> {
  const begunMs = performance.now();
  using time = ownTime();
  await work();
  const tookMs = performance.now() - begunMs;
  assert.ok(tookMs > fromMs - 50, `took ${Math.round(tookMs)} ms, less than ${fromMs}`);
  assert.ok(time.elapsedMs() < fromMs + SLACK_MS, `took ${time.elapsedMs()} ms, not about ${fromMs}`);
}

describe('a slow client costs a socket for its time-out and no longer', { concurrency: true }, () => {
  test('headers that drip: 408 request_timeout, and closed', async () => {
    await within(HEADERS_MS, async () => {
      using wire = await openWire(ingress.apiUrl);
      drip(wire, headOf(signedRequest(site)), 40);
      const answer = await wire.next();
      assert.deepEqual([answer.status, answer.code], [408, 'request_timeout']);
      assert.equal(answer.headers.connection, 'close');
      assert.equal(await wire.closed, '');
    });
  });

  test('a body that drips: 408 request_timeout in the one line and the one count of the request, and closed', async () => {
    await within(REQUEST_MS, async () => {
      using wire = await openWire(ingress.apiUrl);
      const request = signedRequest(site);
      wire.write(headOf(request));
      drip(wire, request.body, 40);
      const answer = await wire.next();
      assert.deepEqual([answer.status, answer.code], [408, 'request_timeout']);
      assert.equal(answer.headers.connection, 'close');
      assert.equal(await wire.closed, '');
    });
    const line = await waitFor(
      () => log.of('request.handled').find((found) => Number(found.duration_ms) > REQUEST_MS - 100),
      {
        what: 'the line of the request',
      },
    );
    assert.deepEqual([line.outcome, line.status], ['request_timeout', 408]);
    assert.equal(await metric(ingress, 'requests_total{outcome="aborted"}'), 0);
  });

  test('a second request that drips on a kept connection: 408 too, behind the answer of the first', async () => {
    using wire = await openWire(ingress.apiUrl);
    wire.write(wireForm(signedRequest(site)));
    assert.equal((await wire.next()).status, 202);
    await within(HEADERS_MS, async () => {
      drip(wire, headOf(signedRequest(site)), 40);
      assert.equal((await wire.next()).code, 'request_timeout');
      assert.equal(await wire.closed, '');
    });
  });

  test('a connection on which nothing is asked: closed without a word', async () => {
    await within(HEADERS_MS, async () => {
      using wire = await openWire(ingress.apiUrl);
      assert.equal(await wire.closed, '');
    });
  });

  test('a kept connection that stays idle: closed without a word', async () => {
    using wire = await openWire(ingress.apiUrl);
    wire.write(wireForm(signedRequest(site)));
    const answer = await wire.next();
    assert.equal(answer.headers['keep-alive'], 'timeout=1');
    // Node waits a second longer than it announces, so a request on its way then is not lost.
    await within(KEEP_ALIVE_MS + 1_000, async () => {
      assert.equal(await wire.closed, '');
    });
  });

  test('a refused request whose body does not end: closed a second after the refusal', async () => {
    using wire = await openWire(ingress.apiUrl);
    wire.write(headOf(signedRequest(site), { authorization: undefined, 'content-length': '100000' }));
    assert.equal((await wire.next()).code, 'token_missing');
    await within(1_000, async () => {
      assert.equal(await wire.closed, '');
    });
  });

  test('a client that goes away in the middle of its body is counted as aborted, and leaves nothing in flight', async () => {
    await using other = await world.start();
    const sender = await world.site({}, other);
    using wire = await openWire(other.apiUrl);
    wire.write(headOf(signedRequest(sender)));
    const inFlight = (count: number) =>
      waitFor(async () => (await metric(other, 'in_flight_requests')) === count, { what: `${count} in flight` });
    await inFlight(1);
    wire.socket.destroy();
    await inFlight(0);
    assert.equal(await metric(other, 'requests_total{outcome="aborted"}'), 1);
  });
});

describe('connections after a refusal', async () => {
  // With time-outs that no busy machine meets.
  const patient = untilEnd(await world.start());
  await world.site({ site_id: site.siteId }, patient);

  test('serve the next requests, pipelined or one by one', async () => {
    using wire = await openWire(patient.apiUrl);
    const bad = signedRequest(site, { headers: { authorization: undefined } });
    const broken = signedRequest(site, { bodyAfterSigning: '{}' });
    wire.write([bad, signedRequest(site), broken, signedRequest(site)].map(wireForm).join(''));
    const codes = [];
    for (let count = 0; count < 4; count++) {
      const answer = await wire.next();
      codes.push(answer.code ?? answer.status);
    }
    assert.deepEqual(codes, ['token_missing', 202, 'signature_mismatch', 202]);
    wire.write(wireForm(signedRequest(site)));
    assert.equal((await wire.next()).status, 202);
  });

  test('serve it too after the rest of a body beyond the limit was thrown away, declared or chunked', async () => {
    using wire = await openWire(patient.apiUrl);
    const tooLarge = { ...signedRequest(site), body: 'x'.repeat(300_000) };
    wire.write(wireForm(tooLarge));
    assert.equal((await wire.next()).code, 'body_too_large');
    wire.write(headOf(tooLarge, { 'content-length': undefined, 'transfer-encoding': 'chunked' }));
    for (let at = 0; at < 30; at++) wire.write(`2710\r\n${'x'.repeat(10_000)}\r\n`);
    wire.write('0\r\n\r\n');
    assert.equal((await wire.next()).code, 'body_too_large');
    wire.write(wireForm(signedRequest(site)));
    assert.equal((await wire.next()).status, 202);
  });

  for (const [form, length] of [
    ['declared', { 'content-length': '200000000' }],
    ['chunked', { 'content-length': undefined, 'transfer-encoding': 'chunked' }],
  ] as const) {
    test(`a ${form} body of 200 MB: the 413 reaches a client that is writing still, which then is cut off`, async () => {
      using wire = await openWire(patient.apiUrl);
      wire.write(headOf(signedRequest(site), length));
      const megabyte = 'x'.repeat(1_048_576);
      const piece = form === 'chunked' ? `100000\r\n${megabyte}\r\n` : megabyte;
      let written = 0;
      const writeOn = (): void => {
        while (written < 200 && wire.socket.writable) {
          written++;
          if (!wire.socket.write(piece)) return;
        }
      };
      wire.socket.on('drain', writeOn);
      writeOn();
      const answer = await wire.next();
      assert.deepEqual([answer.status, answer.code], [413, 'body_too_large']);
      await wire.closed;
      assert.ok(written < 100, `${written} MB were taken`);
    });
  }
});
