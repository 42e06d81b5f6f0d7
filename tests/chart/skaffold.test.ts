import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parseAllDocuments } from 'yaml';
import { needsHelm, ROOT, render } from './helm.ts';

interface SkaffoldConfig {
  apiVersion: string;
  metadata: { name: string };
  requires?: { configs: string[] }[];
  manifests?: { rawYaml: string[] };
  build?: { artifacts: { image: string; docker: { dockerfile: string } }[] };
  deploy?: { helm?: { releases: { chartPath: string; valuesFiles: string[]; setValueTemplates: object }[] } };
  portForward?: { resourceType: string; resourceName: string; port: number }[];
}

// The schema of Skaffold 2.16.1 (Apache-2.0), docs-v2/content/en/schemas/v4beta13.json, without its descriptions.
const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'schemas/skaffold-v4beta13.json'), 'utf8'));
const check = new Ajv({ strict: false }).compile(schema);
const documents = parseAllDocuments(readFileSync(join(ROOT, 'skaffold.yaml'), 'utf8')).map((one) => one.toJS());
const configs = documents as SkaffoldConfig[];

test("skaffold.yaml is what Skaffold's own schema takes, and a slip in it is not", () => {
  for (const document of documents) assert.equal(check(document), true, JSON.stringify(check.errors));
  const [, config] = structuredClone(documents);
  Object.assign(config.deploy.helm.releases[0], { valueFiles: [] });
  assert.equal(check(config), false);
});

test('skaffold.yaml names files and configurations that are there', () => {
  const names = configs.map(({ metadata }) => metadata.name);
  const releases = configs.flatMap(({ deploy }) => deploy?.helm?.releases ?? []);
  const files = [
    ...configs.flatMap(({ manifests }) => manifests?.rawYaml ?? []),
    ...configs.flatMap(({ build }) => build?.artifacts.map(({ docker }) => docker.dockerfile) ?? []),
    ...releases.flatMap(({ chartPath, valuesFiles }) => [chartPath, ...valuesFiles]),
  ];
  assert.ok(files.length >= 4, files.join());
  assert.deepEqual(
    files.filter((file) => !existsSync(join(ROOT, file))),
    [],
  );
  for (const { requires = [] } of configs)
    for (const required of requires.flatMap((one) => one.configs)) assert.ok(names.includes(required), required);
});

test('what skaffold.yaml forwards is a port of a Service that the chart makes with its values', needsHelm, async () => {
  const [release] = configs.flatMap(({ deploy }) => deploy?.helm?.releases ?? []);
  const objects = await render(...(release?.valuesFiles ?? []).flatMap((file) => ['-f', join(ROOT, file)]));
  const forwarded = configs.flatMap(({ portForward = [] }) => portForward);
  assert.equal(forwarded.length, 2);
  for (const { resourceName, port } of forwarded) {
    const service = objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === resourceName);
    assert.ok(JSON.stringify(service?.spec).includes(`"port":${port}`), `${resourceName}:${port}`);
  }
});
