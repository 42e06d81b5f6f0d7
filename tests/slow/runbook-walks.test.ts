// From a page to its repair by the runbooks alone: each of these alerts is provoked on a running stack, and its page's commands are run as written.
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type Stack, type StackSite, startStack } from '@pressferry/devstack';
import { waitFor } from '@pressferry/testing';
import { allRules } from '../../scripts/alerts.ts';
import { type Receiver, startReceiver } from '../../services/callback/test/receiver.ts';
import { findTool } from '../chart/helm.ts';
import { FAST, loadSite, quietOptions, send } from '../e2e/stack.ts';
import { type Prometheus, startPrometheus } from '../operations/live/monitoring.ts';
import { commandsOf, logsTo, openRunbookShell, pageOf, type RunbookShell } from '../operations/runbook-shell.ts';

const program = findTool('prometheus');
const skip =
  (program === undefined && "prometheus is not installed (Debian's package)") ||
  (findTool('jq') === undefined && 'jq is not installed') ||
  (findTool('curl') === undefined && 'curl is not installed');

suite('a page, and its repair', { skip, concurrency: false }, () => {
  let stack: Stack;
  let site: StackSite;
  let receiver: Receiver;
  let prometheus: Prometheus;
  let shell: RunbookShell;
  const resources = new AsyncDisposableStack();
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pressferry-walks-'));
    resources.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
    await mkdir(join(folder, 'logs'));
    const options = await quietOptions(resources);
    const reporter = logsTo(join(folder, 'logs'));
    stack = resources.use(await startStack({ ...options, reporter, serviceEnv: FAST }));
    site = loadSite(stack);
    receiver = resources.use(await startReceiver(site.hmacSecret));
    await stack.setCallbackUrl(site.siteId, receiver.url);
    const { vendor: _vendor, ...targets } = stack.file.opsUrls;
    const labels = (name: string) => ({ namespace: 'pressferry', pod: `${name}-0` });
    prometheus = resources.use(await startPrometheus(folder, program ?? '', targets, {}, labels));
    await prometheus.ready();
    const { sealingKeys } = stack.secrets;
    shell = await openRunbookShell(join(folder, 'logs'), {
      ...{ stack: () => stack, prometheusUrl: prometheus.url, sealingKeys },
    });
  });
  after(() => resources.disposeAsync());

  const behave = (behaviours: object) =>
    fetch(`${stack.file.vendorUrl}/_sim/behaviours`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(behaviours),
    });
  const publish = async (title: string, content = 'Some news.'): Promise<number> => {
    const data = { ...stack.file.samples['post.published'], title, content };
    const { response } = await send(stack, site, {
      event: { event_type: 'post.published', object_ref: title, data },
    });
    return response.status;
  };
  const delivered = (count: number): Promise<unknown> =>
    waitFor(async () => receiver.stored.size >= count, {
      what: `${count} results at the site (${receiver.stored.size} came)`,
      timeoutMs: 60_000,
    });

  /** Waits until what the alert asks is so; its wait (`for`) is left out, and a minute of age is five seconds. */
  const asked = async (alert: string, meanwhile = async (): Promise<void> => undefined): Promise<void> => {
    const { expr = '' } = allRules().find((rule) => rule.alert === alert) ?? {};
    assert.notEqual(expr, '', alert);
    const look = async (): Promise<boolean> => {
      await meanwhile();
      return (await prometheus.query(expr.replaceAll('> 60', '> 5'))).length > 0;
    };
    await waitFor(look, { what: `${alert} to have its reason`, timeoutMs: 60_000, everyMs: 500 });
  };
  /** Runs every command of the diagnosis' blocks; each must find something. */
  const diagnose = async (alert: string, words: Record<string, string> = {}): Promise<string> => {
    const commands = commandsOf(pageOf(alert), 'Diagnosis').blocks;
    assert.ok(commands.length > 0, alert);
    const said: string[] = [];
    for (const command of commands) {
      const found = await shell.run(command, words);
      assert.notEqual(found.trim(), '', `${alert}: ${command} says nothing`);
      said.push(found);
    }
    return said.join('\n');
  };
  /** Runs one command of the mitigation, which must be on the page in these words. */
  const mitigate = (alert: string, command: string, words: Record<string, string> = {}): Promise<string> => {
    assert.ok(commandsOf(pageOf(alert), 'Mitigation').inline.includes(command), `${alert} does not say: ${command}`);
    return shell.run(command, words);
  };
  /** Waits until the page's own query says that it is over. */
  const isOver = (alert: string, judge: (value: number) => boolean): Promise<unknown> => {
    const [command = ''] = commandsOf(pageOf(alert), 'How to know it is over').inline.filter((one) =>
      one.startsWith('query'),
    );
    const look = async (): Promise<boolean> => {
      const values = (await shell.run(command))
        .trim()
        .split('\n')
        .map((line) => Number(line.split('\t').at(-1)));
      return values.length > 0 && values.every(judge);
    };
    return waitFor(look, { what: `${alert}: ${command} to be well`, timeoutMs: 60_000, everyMs: 1_000 });
  };

  test('a WordPress that is dead is paused, and takes its results once it is back', async () => {
    const alert = 'PressferrySitesUnreachable';
    receiver.behave = (_push, response) => void response.writeHead(502).end('<p>Bad gateway</p>');
    for (let number = 0; number < 6; number++) assert.equal(await publish(`away ${number}`), 202);
    await asked(alert);
    const said = await diagnose(alert, { HOST: new URL(receiver.url).host });
    assert.match(said, new RegExp(`${site.siteId}\\t.*502`));
    await mitigate(alert, 'pressferry sites pause SITE', { SITE: site.siteId });
    receiver.behave = (_push, _response, acknowledge) => acknowledge();
    await mitigate(alert, 'pressferry sites resume SITE', { SITE: site.siteId });
    await delivered(6);
    await isOver(alert, (value) => value === 0);
  });

  test('a credential that a vendor refuses is told with its reason, and all goes on once the vendor takes it', async () => {
    const alert = 'PressferryVendorDenied';
    const before = receiver.stored.size;
    await behave({ chat: [{ status: 401, times: 'always' }] });
    for (let number = 0; number < 3; number++) await publish(`denied ${number}`);
    await asked(alert);
    assert.match(await diagnose(alert, { VENDOR: 'llm' }), /vendor_denied/);
    await behave({ chat: [] });
    await mitigate(alert, 'kubectl -n pressferry rollout restart deploy/pressferry-enricher');
    await delivered(before + 3);
    await isOver(alert, (value) => value === 0);
  });

  test('a stream of events that is full gets more room, and senders come through', async () => {
    const alert = 'PressferryStreamFull';
    const manager = await jetstreamManager(stack.connection.nats);
    const { pid } = stack.processes.get('enricher') ?? { pid: 0 };
    process.kill(pid, 'SIGSTOP');
    try {
      const { state } = await manager.streams.info('EVENTS');
      await shell.run(`pressferry streams apply --events-max-bytes ${state.bytes + 1_000_000}`);
      // Small ones fill what the last large one left.
      for (const content of ['x'.repeat(90_000), 'x']) {
        await waitFor(async () => (await publish('full', content)) === 503, {
          what: 'EVENTS to be full',
          timeoutMs: 30_000,
        });
      }
      await asked(alert);
      await diagnose(alert);
      const command = 'pressferry streams apply --replicas 3 --events-max-bytes 4000000000';
      assert.ok(commandsOf(pageOf(alert), 'Mitigation').inline.includes(command));
      // This stack has one server.
      await shell.run(command.replace('--replicas 3', '--replicas 1'));
      await waitFor(async () => (await publish('room again')) === 202, { what: 'an event to be accepted' });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await isOver(alert, (value) => value < 0.8);
  });

  test('a registry that is lost is made again from Postgres', async () => {
    const alert = 'PressferryRegistryStale';
    // Callback would make it again by itself.
    const { pid } = stack.processes.get('callback') ?? { pid: 0 };
    process.kill(pid, 'SIGSTOP');
    try {
      await (await jetstreamManager(stack.connection.nats)).streams.delete('KV_sites');
      await asked(alert);
      await diagnose(alert);
      await mitigate(alert, 'pressferry sites publish');
      await waitFor(async () => (await publish('known again')) === 202, { what: 'an event to be accepted' });
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await isOver(alert, (value) => value < 1);
  });

  test('a budget that is exhausted is raised, and held steps go on', async () => {
    const alert = 'PressferryBudgetExhausted';
    await waitFor(async () => (await stack.db.selectFrom('open_runs').select('run_id').execute()).length === 0, {
      what: 'earlier runs to end',
      timeoutMs: 60_000,
    });
    let expected = receiver.stored.size;
    await shell.run('pressferry budgets set --all --per day --tokens 1');
    // The replicas follow within a second: what was begun before is paid.
    await asked(alert, async () => {
      assert.equal(await publish('too dear'), 202);
      expected++;
    });
    assert.match(await diagnose(alert), /summarize-post/);
    await mitigate(alert, 'pressferry budgets set --all --per day --usd HIGHER', { 'usd HIGHER': 'tokens 100000000' });
    await delivered(expected);
    await shell.run('pressferry budgets remove --all --per day');
  });
});
