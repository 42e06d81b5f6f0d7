import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type TestPostgres, waitFor } from '@pressferry/testing';
import { startWorld, testPostgres, vendorsYaml, type World } from './world.ts';

let postgres: TestPostgres;
before(async () => {
  postgres = await testPostgres();
});
after(() => postgres[Symbol.asyncDispose]());

const two = (said: string, more = ''): string => `${vendorsYaml()}
automations:
  - name: two
    on: [post.published]
    ${more}
    steps:
      - { name: first, type: http, vendor: crm, path: /http/echo, body: { said: ${said} } }
      - { name: second, type: http, vendor: crm, path: /http/echo, body: { said: ${said} } }
    result: { first: '{{ steps.first.output.body.body.said }}', second: '{{ steps.second.output.body.body.said }}' }
`;
const RELOAD = { AUTOMATIONS_RELOAD_MS: '50' };
const logged = (world: World, message: string) =>
  waitFor(() => world.log.map((line) => JSON.parse(line)).find(({ msg }) => msg === message), { what: message });
const refused = (world: World): string[] => world.log.filter((line) => line.includes('"automations.refused"'));
async function metric(opsUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.split(' ')
      .at(-1),
  );
}

test('a changed file is in use for the next event, without a restart', async () => {
  await using world = await startWorld(postgres);
  const { rewrite } = await world.startRewritable(two('old'), RELOAD);
  assert.equal((await world.result(await world.send(), 'two')).output.first, 'old');
  await rewrite(two('new'));
  await logged(world, 'automations.changed');
  assert.equal((await world.result(await world.send(), 'two')).output.first, 'new');
});

test('a ConfigMap that Kubernetes swaps is in use whole, and nothing of it is refused meanwhile', async () => {
  await using world = await startWorld(postgres);
  await using folders = new AsyncDisposableStack();
  const mount = await mkdtemp(join(tmpdir(), 'pressferry-configmap-'));
  folders.defer(() => rm(mount, { recursive: true }));
  // As the kubelet does it: a folder by the time, a link `..data` to it that is replaced at once, and links to files in it.
  const project = async (version: string): Promise<void> => {
    await mkdir(join(mount, `..${version}`));
    await writeFile(join(mount, `..${version}`, 'a.yaml'), two(version));
    await writeFile(join(mount, `..${version}`, 'b.yaml'), two(version).replaceAll('name: two', 'name: other'));
    await symlink(`..${version}`, join(mount, '..data_tmp'));
    await rename(join(mount, '..data_tmp'), join(mount, '..data'));
  };
  await project('v1');
  for (const name of ['a.yaml', 'b.yaml']) await symlink(join('..data', name), join(mount, name));
  await world.start(two('unused'), { ...RELOAD, AUTOMATIONS_FILE: mount });
  assert.equal((await world.result(await world.send(), 'other')).output.first, 'v1');
  await project('v2');
  await rm(join(mount, '..v1'), { recursive: true });
  await logged(world, 'automations.changed');
  assert.equal((await world.result(await world.send(), 'other')).output.first, 'v2');
  assert.ok(!world.log.some((line) => line.includes('automations.refused')));
});

test('a run goes on under the definition that it began with', async () => {
  await using world = await startWorld(postgres);
  const { rewrite } = await world.startRewritable(two('old'), RELOAD);
  world.vendors.setBehaviours({ echo: [{ times: 1 }, { status: 429, retryAfter: 3 }] });
  const request = await world.send();
  await waitFor(() => world.vendors.ledger({ endpoint: 'echo' }).calls === 2, { what: 'the second step to wait' });
  await rewrite(two('new').replaceAll('second', 'other'));
  await logged(world, 'automations.changed');
  const { status, output } = await world.result(request, 'two');
  assert.deepEqual([status, output.first, output.second], ['succeeded', 'old', 'old']);
});

test('a file with a fault is refused with its line and path, and the set before it goes on, ready', async () => {
  await using world = await startWorld(postgres);
  const { rewrite, enricher } = await world.startRewritable(two('old'), RELOAD);
  await rewrite(two('new').replace('vendor: crm, path', 'vendor: nowhere, path'));
  const { faults } = await logged(world, 'automations.refused');
  assert.match(faults.join(), /\.yaml:\d+:\d+: automations\[0\]\.steps\[0\]\.vendor: no vendor is named "nowhere"/);
  assert.equal((await fetch(`${enricher.opsUrl}/readyz`)).status, 200);
  assert.equal(await metric(enricher.opsUrl, 'pressferry_enricher_automations_refused'), 1);
  assert.equal((await world.result(await world.send(), 'two')).output.first, 'old');
  await rewrite(two('new'));
  await logged(world, 'automations.changed');
  assert.equal(await metric(enricher.opsUrl, 'pressferry_enricher_automations_refused'), 0);
});

test('a changed set that names a site which is not registered is refused with file, line and path, until the site is', async () => {
  await using world = await startWorld(postgres);
  const { rewrite, enricher } = await world.startRewritable(two('old'), RELOAD);
  await rewrite(two('new', 'mode: { sites: { site-slip: off } }'));
  const { faults } = await logged(world, 'automations.refused');
  assert.match(faults.join(), /\.yaml:\d+:\d+: automations\[0\]\.mode\.sites\.site-slip: no site is registered as/);
  assert.equal((await world.result(await world.send(), 'two')).output.first, 'old');
  assert.equal(await metric(enricher.opsUrl, 'pressferry_enricher_automations_refused'), 1);
  await world.setSites('active', 'site-slip');
  await logged(world, 'automations.changed');
  assert.equal((await world.result(await world.send(), 'two')).output.first, 'new');
});

test('a set in use goes on if a site that it names is not registered, and says where it names it', async () => {
  await using world = await startWorld(postgres);
  const enricher = await world.start(two('x', 'sites: [site-a, gone]'), { AUTOMATIONS_RELOAD_MS: '0' });
  const { faults } = await logged(world, 'automations.unknown_sites');
  assert.match(faults.join(), /\.yaml:\d+:\d+: automations\[0\]\.sites\[1\]: no site is registered as "gone"/);
  assert.equal(await metric(enricher.opsUrl, 'pressferry_enricher_automations_unknown_sites'), 1);
  assert.equal((await world.result(await world.send(), 'two')).output.first, 'x');
});

test('a set that reads data which no event type declares is refused, unless AUTOMATIONS_ANY_DATA allows it', async () => {
  await using world = await startWorld(postgres);
  const misread = two("'{{ event.data.titel }}'");
  await assert.rejects(
    world.start(misread, { AUTOMATIONS_ANY_DATA: 'false' }),
    /steps\[0\]\.body\.said: no event type/,
  );
  const { rewrite } = await world.startRewritable(two('old'), { ...RELOAD, AUTOMATIONS_ANY_DATA: 'false' });
  await rewrite(misread);
  const { faults } = await logged(world, 'automations.refused');
  assert.match(faults.join(), /\.yaml:\d+:\d+: automations\[0\]\.steps\[0\]\.body\.said: no event type of "on"/);
  assert.equal((await world.result(await world.send(), 'two')).output.first, 'old');
});

test('a half-written file is refused and the set before it goes on, until the file is whole; the file before it can be put back', async () => {
  await using world = await startWorld(postgres);
  const { rewrite } = await world.startRewritable(two('old'), RELOAD);
  const whole = two('new');
  for (const [index, part] of ['', whole.slice(0, whole.indexOf('crm:')), whole.slice(0, -60)].entries()) {
    await rewrite(part);
    await waitFor(() => refused(world).length > index, { what: 'the part to be refused' });
    assert.equal((await world.result(await world.send(), 'two')).output.first, 'old');
  }
  await rewrite(whole);
  await logged(world, 'automations.changed');
  assert.equal((await world.result(await world.send(), 'two')).output.first, 'new');
  await rewrite(two('old'));
  const saysOld = async () => (await world.result(await world.send(), 'two')).output.first === 'old';
  await waitFor(saysOld, { what: 'the former file to be in use' });
});

test('a vendor that is added, changed or removed is called, and its secret hidden, without a restart', async () => {
  await using world = await startWorld(postgres);
  const { rewrite } = await world.startRewritable(two('old'), { ...RELOAD, OTHER_KEY: 'another-secret-of-a-vendor' });
  const other = `  other: { kind: http, base_url_env: CRM_BASE_URL, auth: { header: X-Said, value_env: OTHER_KEY } }\nautomations:`;
  await rewrite(two('new').replace('\nautomations:', `\n${other}`).replaceAll('vendor: crm', 'vendor: other'));
  await logged(world, 'automations.changed');
  const text = await world.resultText(await world.send(), 'two');
  assert.match(text, /"first":"new"/);
  assert.doesNotMatch(text, /another-secret/);
});

test('an automation in dry-run mode stores its run and calls no vendor', async () => {
  await using world = await startWorld(postgres);
  await world.start(two('x', 'mode: { sites: { site-a: dry_run } }'));
  const request = await world.send();
  const { status } = await waitFor(
    () => world.db.selectFrom('runs').selectAll().where('request_id', '=', request).executeTakeFirst(),
    { what: 'the run' },
  );
  assert.equal(status, 'succeeded');
  assert.equal((await world.result(await world.send({ siteId: 'site-b' }), 'two')).output.first, 'x');
  assert.equal(world.vendors.ledger().calls, 2);
});

for (const [how, onError, expected] of [
  ['continue', 'continue', 'vendor_refused'],
  ['fallback', '{ fallback: { error: { code: none } } }', 'none'],
] as const)
  test(`a step that fails under on_error: ${how} leaves its run to go on`, async () => {
    await using world = await startWorld(postgres);
    world.vendors.setBehaviours({ echo: [{ status: 400 }] });
    const yaml = two('x')
      .replace('name: first, type', `name: first, on_error: ${onError}, type`)
      .replace('first.output.body.body.said', 'first.output.error.code');
    await world.start(yaml);
    const { status, output } = await world.result(await world.send(), 'two');
    assert.deepEqual([status, output.first, output.second], ['succeeded', expected, 'x']);
  });
