// Report 25, WordPress writes something before the acknowledgement: WordPress/gutenberg issue 4936, johngodley/redirection issue 1381, mnelson4/printmyblog issue 14, woocommerce/wc-api-php issue 58.
// Report 26, other answers: johngodley/redirection issues 1433 and 2727.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { waitFor } from '@pressferry/testing';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { createWorld, type World } from '../../services/callback/test/world.ts';

const stack = new AsyncDisposableStack();
let world: World;
before(async () => {
  world = stack.use(await createWorld());
  stack.use(await world.start({ RETRY_SCHEDULE_MS: '20' }));
});
after(() => stack.disposeAsync());

/** An acknowledgement that the site signed, as a header's value and as its body. */
interface Signed {
  body: string;
  signature: string;
}
type Answers = (response: ServerResponse, signed: Signed) => void;

/** Pushes a result to a site of its own that answers so, and says how it ended and why each try failed. */
async function push(answers: Answers): Promise<{ status: string; pushes: number; codes: (string | null)[] }> {
  await using receiver: Receiver = await startReceiver();
  const site = await world.site({ callbackUrl: receiver.url });
  receiver.secrets = [site.secret];
  receiver.behave = ({ resultId }, response) => {
    const body = JSON.stringify({ status: 'stored', result_id: resultId, stored_at: new Date().toISOString() });
    answers(response, { body, signature: `sha256=${createHmac('sha256', site.secret).update(body).digest('hex')}` });
  };
  const { resultId } = await world.result(site);
  const status = await waitFor(
    async () => {
      const now = await world.status(resultId);
      return ['acknowledged', 'dead'].includes(now ?? '') && now;
    },
    { what: 'the end of the delivery' },
  );
  const attempts = await world.db
    .selectFrom('attempts')
    .select('failure_code')
    .where('result_id', '=', resultId)
    .orderBy('attempt')
    .execute();
  return { status, pushes: receiver.received.length, codes: attempts.map(({ failure_code: code }) => code) };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const HTML = { 'content-type': 'text/html' };

const PRINTED: [what: string, answers: Answers][] = [
  ...['\ufeff', '\n', ' \r\n', '\ufeff\n\n'].map((noise): [string, Answers] => [
    `${JSON.stringify(noise)} around it`,
    (response, { body, signature }) =>
      response.writeHead(200, { ...JSON_TYPE, 'x-signature': signature }).end(`${noise}${body}\n`),
  ]),
  ...['<br />\n<b>Warning</b>: Undefined variable', '\n', '<!doctype html><p>Hi</p>', '{"success":true}'].map(
    (noise): [string, Answers] => [
      `${JSON.stringify(noise)} before it, and no header any more`,
      (response, { body, signature }) =>
        response.writeHead(200, HTML).end(`${noise}\n${body}\nX-Signature: ${signature}\n`),
    ],
  ),
  [
    'a status of its own',
    (response, { body, signature }) => response.writeHead(500, { 'x-signature': signature }).end(body),
  ],
  [
    'compression that was not asked for',
    (response, { body, signature }) =>
      response
        .writeHead(200, { ...JSON_TYPE, 'x-signature': signature, 'content-encoding': 'gzip' })
        .end(gzipSync(body)),
  ],
];

test('a signed acknowledgement counts after one push, whatever WordPress printed around it', async () => {
  for (const [what, answers] of PRINTED) {
    const { status, pushes } = await push(answers);
    assert.deepEqual([status, pushes], ['acknowledged', 1], what);
  }
});

const OTHER: [what: string, code: string, answers: Answers][] = [
  ['a maintenance page', 'html_answer', (response) => response.writeHead(200, HTML).end('<h1>Maintenance</h1>')],
  [
    'a 200 without a signature',
    'unsigned_answer',
    (response, { body }) => response.writeHead(200, JSON_TYPE).end(body),
  ],
  ['a 201', 'unexpected_status', (response, { body }) => response.writeHead(201, JSON_TYPE).end(body)],
  [
    "a stranger's signature",
    'signature_mismatch',
    (response, { body }) =>
      response.writeHead(200, { ...JSON_TYPE, 'x-signature': `sha256=${'0'.repeat(64)}` }).end(body),
  ],
  [
    'an acknowledgement that was changed',
    'signature_mismatch',
    (response, { body, signature }) =>
      response.writeHead(200, { ...JSON_TYPE, 'x-signature': signature }).end(body.replace('stored', 'duplicate')),
  ],
  ['a redirect', 'redirected', (response) => response.writeHead(301, { location: 'https://www.example.com/' }).end()],
];

test('no other answer counts as a delivery, and each has its code', async () => {
  for (const [what, code, answers] of OTHER) {
    const { status, codes } = await push(answers);
    assert.deepEqual([status, codes], ['dead', [code, code]], what);
  }
});

test('a redirect is not followed', async () => {
  await using elsewhere = await startReceiver();
  for (const status of [301, 302, 307, 308])
    assert.equal(
      (await push((response) => response.writeHead(status, { location: elsewhere.url }).end())).status,
      'dead',
    );
  assert.deepEqual(elsewhere.received, []);
});
