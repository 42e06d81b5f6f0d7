import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parseConfig } from '@pressferry/runtime';
import { parse } from 'yaml';
import type { z } from 'zod';
import { SERVICE_NAMES, SERVICES, settable, settableByAll, variablesOf } from '../../scripts/chart/services.ts';
import { envOf, find, type KubernetesObject, needsHelm, podOf, ROOT, render } from './helm.ts';

const REQUIRED = { SEALING_KEYS: 'main:key', DATABASE_URL: 'postgres://localhost/pressferry' };

/** A variable's default as a values file would write it. */
function inValuesFile(type: z.ZodType): unknown {
  // An empty variable counts as unset.
  const unset = type.safeParse(undefined).data ?? '';
  return Array.isArray(unset) ? unset.map((part: unknown) => part) : unset;
}

const defaults = (variables: [string, z.ZodType][]): Record<string, unknown> =>
  Object.fromEntries(variables.map(([name, type]) => [name, inValuesFile(type)]));

/** Values with which the chart sets every variable that it can. */
const everything = {
  config: defaults(settableByAll()),
  nats: { credentials: { name: 'nats-credentials' } },
  eventTypes: { existingConfigMap: 'event-types' },
  ...Object.fromEntries(SERVICE_NAMES.map((name) => [name, { config: defaults(settable(variablesOf(name))) }])),
};
const tls = ['--set', 'ingress.tls.existingSecret=tls', '--set', 'ingress.tls.clientCaSecret=ca'];

/** The environment as the service will see it, with the mounted files in their variables' place. */
function asRead(env: Record<string, string>, names: ReadonlySet<string>): Record<string, string> {
  const entries = Object.entries(env).map(([name, value]): [string, string] => {
    const base = name.replace(/_FILE$/, '');
    return names.has(name) || !names.has(base) ? [name, value] : [base, REQUIRED[base as keyof typeof REQUIRED]];
  });
  return Object.fromEntries(entries);
}

suite('the rendered environment', needsHelm, () => {
  let all: KubernetesObject[];
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pressferry-chart-'));
    await writeFile(join(folder, 'values.yaml'), JSON.stringify(everything));
    all = await render('--values', join(folder, 'values.yaml'), ...tls);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const service of SERVICE_NAMES) {
    const names = new Set(Object.keys(variablesOf(service)));

    test(`of ${service} can set every variable of its src/config.ts, and no other`, () => {
      const rendered = Object.keys(asRead(envOf(find(all, 'Deployment', service)), names));
      assert.deepEqual(rendered.toSorted(), [...names].toSorted());
    });

    test(`of ${service} carries values unchanged, whatever their size and kind`, async () => {
      const bare = asRead(envOf(find(await render(), 'Deployment', service)), names);
      const full = asRead(envOf(find(all, 'Deployment', service)), names);
      const decided = { NATS_CREDENTIALS: bare.NATS_CREDENTIALS, EVENT_TYPES_DIRS: '', TLS_CERT_PATH: '' };
      assert.deepEqual(
        parseConfig(SERVICES[service], { ...full, ...decided, TLS_KEY_PATH: '', TLS_CLIENT_CA_PATH: '' }),
        parseConfig(SERVICES[service], bare),
      );
    });

    test(`of ${service} names no variable twice`, () => {
      const listed = podOf(find(all, 'Deployment', service)).containers.flatMap(({ env = [] }) =>
        env.map(({ name }) => name),
      );
      assert.deepEqual(listed.toSorted(), [...new Set(listed)].toSorted());
    });
  }

  test('a key of a vendor is a file, and its value is written nowhere', async () => {
    const secret = 'enricher.vendors.secrets.LLM_API_KEY';
    const env = envOf(
      find(await render('--set', `${secret}.name=vendors,${secret}.key=llm`), 'Deployment', 'enricher'),
    );
    assert.equal(env.LLM_API_KEY_FILE, '/run/secrets/pressferry/vendors/LLM_API_KEY');
    assert.equal('LLM_API_KEY' in env, false);
  });
});

interface ComposeFile {
  services: Record<string, { environment?: Record<string, unknown> }>;
}

suite('compose.yaml', () => {
  const compose = parse(readFileSync(join(ROOT, 'compose.yaml'), 'utf8'), { merge: true }) as ComposeFile;

  for (const service of SERVICE_NAMES) {
    test(`gives ${service} variables of its src/config.ts, or of its automations, and no other`, () => {
      const names = new Set(Object.keys(variablesOf(service)));
      const given = Object.keys(compose.services[service]?.environment ?? {});
      const ofAutomations = service === 'enricher' ? /^(LLM|CRM)_/ : /^$/;
      assert.deepEqual(
        given.filter((name) => !names.has(name) && !ofAutomations.test(name)),
        [],
      );
      assert.ok(given.includes('NATS_URL'));
    });
  }
});
