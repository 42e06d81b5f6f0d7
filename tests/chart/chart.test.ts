import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { SERVICE_NAMES } from '../../scripts/chart/services.ts';
import { CHART, type Container, find, findTool, needsHelm, podOf, ROOT, render, renderText, runHelm } from './helm.ts';
import { RENDERED, renderKubernetes } from './kubernetes.ts';

const DEMO = join(ROOT, 'config/automations/demo.yaml');

suite('the chart', needsHelm, () => {
  test('passes helm lint without a warning', async () => {
    const report = await runHelm(['lint', '--strict', '--quiet', CHART]);
    assert.doesNotMatch(report, /WARNING|ERROR/);
  });

  test('says in its notes that the default image is a placeholder, and no longer once another is named', async () => {
    const notes = async (...args: string[]) => {
      const text = await runHelm(['install', 'pressferry', CHART, '--dry-run=client', ...args]);
      return text.slice(text.indexOf('NOTES:'));
    };
    assert.match(await notes(), /The image: "pressferry:\S+" is a placeholder/);
    assert.doesNotMatch(await notes('--set', 'image.repository=registry.example/pressferry'), /placeholder/);
  });

  test('makes no Secret', async () => {
    assert.deepEqual(
      (await render()).filter(({ kind }) => kind === 'Secret'),
      [],
    );
  });

  test('makes only pods that the "restricted" Pod Security Standard admits, without a token', async () => {
    const objects = (await render()).filter(({ kind }) => kind === 'Deployment' || kind === 'Job');
    assert.equal(objects.length, 4);
    for (const pod of objects.map(podOf)) {
      assert.equal(pod.automountServiceAccountToken, false);
      assert.equal(pod.securityContext.runAsNonRoot, true);
      assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' });
      for (const { securityContext } of [...(pod.initContainers ?? []), ...pod.containers] satisfies Container[]) {
        assert.equal(securityContext.allowPrivilegeEscalation, false);
        assert.equal(securityContext.readOnlyRootFilesystem, true);
        assert.deepEqual(securityContext.capabilities, { drop: ['ALL'] });
      }
    }
  });

  test('keeps Postgres from ingress: no Secret of it, no way to it', async () => {
    const objects = await render();
    assert.doesNotMatch(JSON.stringify(podOf(find(objects, 'Deployment', 'ingress'))), /database/i);
    assert.doesNotMatch(JSON.stringify(find(objects, 'NetworkPolicy', 'ingress').spec), /5432/);
    assert.match(JSON.stringify(find(objects, 'NetworkPolicy', 'callback').spec), /5432/);
  });

  test('denies callback and enricher the private addresses when it opens the public ones', async () => {
    const objects = await render();
    for (const component of ['callback', 'enricher']) {
      const { egress } = find(objects, 'NetworkPolicy', component).spec as {
        egress: { ports: { port: number }[]; to?: { ipBlock?: { cidr: string; except?: string[] } }[] }[];
      };
      const open = egress.filter(({ ports }) => ports.some(({ port }) => port === 443));
      assert.equal(open.length, 1);
      const [v4, v6] = open[0]?.to ?? [];
      for (const range of ['10.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'])
        assert.ok(v4?.ipBlock?.except?.includes(range), range);
      assert.ok(v6?.ipBlock?.except?.includes('fc00::/7'));
    }
    assert.doesNotMatch(JSON.stringify(find(objects, 'NetworkPolicy', 'ingress').spec), /0\.0\.0\.0\/0/);
  });

  test('gives a pod longer to end than its sleep and its own grace', async () => {
    for (const graceMs of [20_000, 90_500]) {
      const deployment = find(await render('--set', `config.SHUTDOWN_GRACE_MS=${graceMs}`), 'Deployment', 'callback');
      const pod = podOf(deployment);
      const sleepSeconds = pod.containers[0]?.lifecycle?.preStop.sleep.seconds ?? Number.NaN;
      assert.ok(pod.terminationGracePeriodSeconds > sleepSeconds + graceMs / 1000);
    }
  });

  test('makes a disruption budget only for more than one replica', async () => {
    const budgets = (await render('--set', 'ingress.replicas=1')).filter(({ kind }) => kind === 'PodDisruptionBudget');
    assert.deepEqual(
      budgets.map(({ metadata }) => metadata.labels['app.kubernetes.io/component']),
      ['callback', 'enricher'],
    );
  });

  test('carries automations byte for byte, and replaces enricher when they change', async () => {
    const withDemo = await render('--set-file', `automations.files.demo\\.yaml=${DEMO}`);
    assert.equal(find(withDemo, 'ConfigMap', 'enricher').data?.['demo.yaml'], await readFile(DEMO, 'utf8'));
    assert.notDeepEqual(
      find(withDemo, 'Deployment', 'enricher').spec.template,
      find(await render(), 'Deployment', 'enricher').spec.template,
    );
  });

  test('migrates before it installs, as a hook with all that the hook needs', async () => {
    const hooks = (await render('--skip-tests')).filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/hook'] !== undefined,
    );
    assert.deepEqual(hooks.map(({ kind }) => kind).toSorted(), ['Job', 'NetworkPolicy', 'ServiceAccount']);
    assert.ok(hooks.every(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'pre-install,pre-upgrade'));
  });

  test('gives the `pressferry` command nothing that it does not know', async () => {
    const pod = podOf(find(await render('--set', 'streams.eventsMaxBytes=50000000000'), 'Job', 'migrate'));
    const asked = {
      migrate: 'DATABASE_URL is not set',
      streams: 'NATS_URL is not set',
      sites: 'DATABASE_URL is not set',
    };
    for (const { name, command } of [...(pod.initContainers ?? []), ...pod.containers]) {
      const [, ...args] = command;
      // Without an environment it gets as far as to miss its variables.
      const run = promisify(execFile)(process.execPath, args, { cwd: ROOT, env: {} });
      await assert.rejects(run, new RegExp(asked[name as keyof typeof asked]));
    }
  });

  test('gives the Job of migrations a new name for another image', async () => {
    const nameWith = async (tag: string) =>
      find(await render('--set', `image.tag=${tag}`), 'Job', 'migrate').metadata.name;
    assert.notEqual(await nameWith('v1'), await nameWith('v2'));
  });

  for (const [what, value] of Object.entries({
    'an unknown value': 'nothing=1',
    'an unknown value of a service': 'ingress.nothing=1',
    'an unknown variable': 'ingress.config.NOTHING=1',
    "another service's variable": 'enricher.config.ALLOW_HS256=true',
    'a variable that the chart decides': 'ingress.config.HTTP_PORT=1',
    'a number that is none': 'callback.config.CONCURRENCY=many',
    'two copies of a stream': 'streams.replicas=2',
  })) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(render('--set', value), /values don't meet the specifications of the schema/);
    });
  }

  test('takes the example values of ci/', async () => {
    const names = await readdir(join(CHART, 'ci'));
    assert.ok(names.length > 1);
    for (const name of names) {
      const objects = await render('--values', join(CHART, 'ci', name));
      for (const service of SERVICE_NAMES) find(objects, 'Deployment', service);
    }
  });

  test('is what k8s/pressferry.yaml holds', async () => {
    assert.equal(await readFile(RENDERED, 'utf8'), await renderKubernetes(), 'run `node tests/chart/write.ts`');
  });
});

const validator = findTool('kubernetes-validate') ?? findTool('../kubernetes-validate/bin/kubernetes-validate');
const needsValidator = {
  skip:
    needsHelm.skip ||
    (validator === undefined &&
      'kubernetes-validate is not installed: python3 -m venv .pressferry/cache/kubernetes-validate && .pressferry/cache/kubernetes-validate/bin/pip install kubernetes-validate'),
};

suite('every object that the chart can make', needsValidator, () => {
  // The oldest that Chart.yaml names, and the last three.
  for (const version of ['1.30', '1.35', '1.36', '1.37']) {
    test(`is valid in Kubernetes ${version}, with no unknown field`, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'pressferry-chart-'));
      t.after(() => rm(folder, { recursive: true, force: true }));
      const sets = [
        ...['ingress.tls.existingSecret=tls', 'ingress.tls.clientCaSecret=ca', 'nats.urlSecret.name=nats'],
        ...['nats.credentials.name=nats', 'telemetry.otlpEndpoint=http://collector:4318', 'migrations.mode=job'],
        ...['enricher.vendors.env.LLM_MODEL=m', 'image.pullSecrets[0]=registry', 'ingress.replicas=null'],
        ...['enricher.vendors.secrets.LLM_API_KEY.name=vendors', 'enricher.vendors.secrets.LLM_API_KEY.key=llm'],
      ].flatMap((value) => ['--set', value]);
      const file = join(folder, 'all.yaml');
      await writeFile(file, await renderText(...sets, '--set-file', `automations.files.demo\\.yaml=${DEMO}`));
      const quickstart = join(folder, 'quickstart.yaml');
      await writeFile(quickstart, await renderText('--values', join(CHART, 'ci/quickstart-values.yaml')));
      const { stdout, stderr } = await promisify(execFile)(validator ?? '', [
        '--strict',
        '-k',
        version,
        file,
        quickstart,
      ]);
      const passed = `${stdout}${stderr}`.match(/ passed for resource /g) ?? [];
      assert.ok(passed.length >= SERVICE_NAMES.length * 8, `${stdout}${stderr}`);
    });
  }
});
