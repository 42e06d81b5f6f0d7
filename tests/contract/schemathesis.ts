/**
 * Runs Schemathesis (https://schemathesis.io) against its own ingress: events made up from the description, valid and
 * not, signed. Fails on any 5xx, on any status, header or body that is not described, on what should be refused and is not,
 * and on what should be accepted and is not. `node tests/contract/schemathesis.ts [--max-examples=N] [--seed=N]`
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readCommandLine } from '@pressferry/runtime';
import { rsaKeyPair } from '@pressferry/testing';
import { createWorld } from '../../services/ingress/test/world.ts';

const VERSION = '4.32.5';
const ENVIRONMENT = fileURLToPath(new URL('../../.pressferry/cache/schemathesis', import.meta.url));
const HOOKS = fileURLToPath(new URL('./signing.py', import.meta.url));
const SETTINGS = fileURLToPath(new URL('./schemathesis.toml', import.meta.url));
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'negative_data_rejection',
  'positive_data_acceptance',
  'missing_required_header',
  'unsupported_method',
  'allow_header_conformance',
];
const TIME_LIMIT_MS = 10 * 60_000;

const USAGE = `usage: node tests/contract/schemathesis.ts [options]
  --max-examples N    requests made up for each operation (200)
  --seed N            brings the same requests back (1)`;
const { values } = readCommandLine(USAGE, (args) =>
  parseArgs({
    args,
    options: {
      'max-examples': { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
    },
  }),
);
process.exitCode = await main();

async function main(): Promise<number> {
  install();
  await using world = await createWorld();
  await using ingress = await world.start();
  const { siteId, issuer, kid, hmacSecret } = await world.site({}, ingress);
  const privateKey = rsaKeyPair(0).privateKey.export({ format: 'pem', type: 'pkcs8' });
  const site = { siteId, issuer, kid, hmacSecret, privateKey, audience: 'pressferry' };
  const code = await run(
    [
      ...[
        '--config-file',
        SETTINGS,
        'run',
        `${ingress.apiUrl}/openapi.json`,
        '--checks',
        CHECKS.join(','),
        '--phases',
        'examples,coverage,fuzzing',
      ],
      ...['--max-examples', values['max-examples'], '--seed', values.seed, '--continue-on-failure'],
      ...['--generation-database', 'none'],
    ],
    { PRESSFERRY_SITE: JSON.stringify(site), SCHEMATHESIS_HOOKS: HOOKS },
  );
  const stored = (await world.events(siteId)).length;
  console.log(`${stored} events were accepted and stored`);
  if (stored === 0) console.error('none at all: the signing hook does not work, and the run says nothing');
  return stored === 0 ? 1 : code;
}

/** Puts Schemathesis into a Python environment of its own, once. */
function install(): void {
  if (existsSync(`${ENVIRONMENT}/bin/st`)) return;
  for (const [command, ...args] of [
    ['python3', '-m', 'venv', ENVIRONMENT],
    [`${ENVIRONMENT}/bin/pip`, 'install', '--quiet', `schemathesis==${VERSION}`, 'cryptography'],
  ]) {
    const { status } = spawnSync(command ?? '', args, { stdio: 'inherit' });
    if (status !== 0) throw new Error(`${command} ended with ${status}: Schemathesis needs Python 3.10 and PyPI`);
  }
}

function run(args: string[], env: Record<string, string>): Promise<number> {
  const child = spawn(`${ENVIRONMENT}/bin/st`, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: TIME_LIMIT_MS,
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
