// Enrols sites by script, as an agency would: real Postgres, NATS and callback. `node bench/enrolment/main.ts [--sites 500] [--rsa]`
import { createHash, generateKeyPair } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { createReporter, startStack } from '@pressferry/devstack';
import { ENROLMENT_AUDIENCE, makeTokens } from '@pressferry/registry';
import { readCommandLine } from '@pressferry/runtime';
import { SignJWT } from 'jose';
import { positive } from '../ingress/options.ts';

const USAGE = `usage: node bench/enrolment/main.ts [options]
  --sites N    sites enrolled (500)
  --rsa        RSA keys, as the plugin makes them, in place of EC keys, which are made faster`;
const { count, isRsa } = readCommandLine(USAGE, (args) => {
  const { values } = parseArgs({
    args,
    options: { sites: { type: 'string', default: '500' }, rsa: { type: 'boolean', default: false } },
  });
  return { count: positive(values.sites, '--sites'), isRsa: values.rsa };
});
/** Requests in flight at once. */
const AT_ONCE = 8;
// As in the plugin each site has its own key; one machine makes them all, so ES256 unless `--rsa` is given.
const algorithm = isRsa ? 'RS256' : 'ES256';
const makeKeyPair = promisify(generateKeyPair);
const newPair = () =>
  isRsa ? makeKeyPair('rsa', { modulusLength: 2048 }) : makeKeyPair('ec', { namedCurve: 'P-256' });

await using resources = new AsyncDisposableStack();
const dataDir = await mkdtemp(join(tmpdir(), 'pressferry-enrolment-'));
// Postgres runs as another user there.
await chmod(dataDir, 0o711);
resources.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }));
const { PATH, HOME, NATS_SERVER_PATH } = process.env;
const stack = resources.use(
  await startStack({
    dataDir: join(dataDir, 'data'),
    env: { PATH, HOME, NATS_SERVER_PATH },
    reporter: createReporter({ write: () => undefined }),
    signal: new AbortController().signal,
    fail: (error) => console.error(error.message),
  }),
);

const begun = performance.now();
const seconds = (sinceMs: number): string => ((performance.now() - sinceMs) / 1000).toFixed(1);
const expiresAt = new Date(Date.now() + 3_600_000);
const tokens = await makeTokens(stack.db, { count, expiresAt, labels: { customer: 'bench' } });

const keysBegun = performance.now();
const keys = await Promise.all(tokens.map(newPair));
const keysTook = seconds(keysBegun);

const enrolBegun = performance.now();
const waiting = tokens.map((token, at) => ({ token, at, pair: keys[at] }));
const refusals: string[] = [];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { token, at, pair } = next;
      if (pair === undefined) throw new Error('a key is missing');
      const homeUrl = `https://site-${at}.fleet.example`;
      const proof = await new SignJWT({})
        .setProtectedHeader({ alg: algorithm })
        .setIssuer(homeUrl)
        .setSubject(createHash('sha256').update(token).digest('hex'))
        .setAudience(ENROLMENT_AUDIENCE)
        .setIssuedAt()
        .setExpirationTime('60s')
        .sign(pair.privateKey);
      const body = JSON.stringify({
        token,
        home_url: homeUrl,
        callback_url: `${homeUrl}/wp-json/pressferry/v1/results`,
        public_key: pair.publicKey.export({ type: 'spki', format: 'pem' }),
        proof,
      });
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(`${stack.file.callbackUrl}/enroll`, { method: 'POST', headers, body });
      const text = await response.text();
      if (response.status !== 201) refusals.push(`${response.status} ${text}`);
    }
  }),
);
const enrolTook = seconds(enrolBegun);
const { registered } = await stack.db
  .selectFrom('sites')
  .select(({ fn }) => fn.countAll<string>().as('registered'))
  .where('issuer', 'like', 'https://site-%.fleet.example')
  .executeTakeFirstOrThrow();

console.log(`sites enrolled      ${registered} of ${count}`);
console.log(`in all              ${seconds(begun)} s`);
console.log(`  their keys        ${keysTook} s, ${algorithm}, made here by one machine`);
console.log(`  their enrolment   ${enrolTook} s, ${AT_ONCE} at once`);
if (refusals.length > 0) console.log(`refused: ${refusals.length}, the first: ${refusals[0]}`);
process.exitCode = Number(registered) === count ? 0 : 1;
