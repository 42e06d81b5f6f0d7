import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { ALERTS_FOLDER, allRules, type RuleFile, ruleFiles, ruleTests } from '../../scripts/alerts.ts';
import { DASHBOARDS, queriesOf } from '../../scripts/dashboards/index.ts';
import { findTool, needsHelm, ROOT, render } from './helm.ts';

const promtool = findTool('promtool');
const needsPromtool = { skip: promtool === undefined && "promtool is not installed (Debian's package prometheus)" };

/** Runs promtool; rejects with what it printed. */
async function runPromtool(...args: string[]): Promise<string> {
  const run = promisify(execFile)(promtool ?? '', args, { cwd: ROOT, maxBuffer: 16_000_000 });
  const { stdout } = await run.catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`promtool ${args.join(' ')}\n${error.stdout}${error.stderr}`);
  });
  return stdout;
}

suite('the alert rules', needsPromtool, () => {
  for (const [path] of ruleFiles()) {
    test(`of ${path} are rules as they lie`, async () => {
      await runPromtool('check', 'rules', path);
    });
  }

  for (const [path, { tests }] of ruleTests()) {
    test(`of ${path} fire and keep silent as its ${tests.length} cases say`, async () => {
      await runPromtool('test', 'rules', path);
    });
  }

  test('go red when an alert loses its threshold', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'pressferry-alerts-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    for (const [path] of [...ruleFiles(), ...ruleTests()]) {
      const text = await readFile(join(ROOT, path), 'utf8');
      await writeFile(
        join(folder, path.split('/').at(-1) ?? ''),
        text.replaceAll('refused_sites) > 5', 'refused_sites) > 500'),
      );
    }
    await assert.rejects(runPromtool('test', 'rules', join(folder, 'ingress_test.yaml')), /PressferryManySitesRefused/);
  });

  test('the runbooks and the dashboards ask queries that Prometheus understands', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'pressferry-alerts-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const pages = globSync('docs/runbooks/*.md', { cwd: ROOT });
    const texts = await Promise.all(pages.map((page) => readFile(join(ROOT, page), 'utf8')));
    const ofPages = texts.flatMap((text) => [...text.matchAll(/query '([^']+)'/g)].map(([, query = '']) => query));
    const ofPanels = Object.values(DASHBOARDS).flatMap((dashboard) => queriesOf(dashboard).map(({ query }) => query));
    const queries = [...ofPages, ...ofPanels];
    assert.ok(queries.length > 180, `${queries.length} queries`);
    const rules = queries.map((expr, index) => ({ record: `query:number${index}`, expr }));
    await writeFile(join(folder, 'queries.yaml'), stringify({ groups: [{ name: 'queries', rules }] }));
    await runPromtool('check', 'rules', join(folder, 'queries.yaml'));
  });
});

suite('the PrometheusRules of the chart', needsHelm, () => {
  const rulesOf = async (...args: string[]) => {
    const objects = await render('--set', 'alerts.enabled=true', ...args);
    return objects
      .filter(({ kind }) => kind === 'PrometheusRule')
      .flatMap(({ spec }) => (spec as unknown as RuleFile).groups.flatMap(({ rules }) => rules));
  };

  test('hold every rule of the files, unchanged', async () => {
    const rules = await rulesOf('--set', 'alerts.runbookBaseUrl=https://pressferry.dev/runbooks/');
    assert.deepEqual(rules, allRules());
  });

  test('are left out by default, and one by one', async () => {
    assert.deepEqual(
      (await render()).filter(({ kind }) => kind === 'PrometheusRule'),
      [],
    );
    const rules = await rulesOf('--set', 'alerts.disabled={PressferryKeysOld,PressferrySchemaDrift}');
    assert.deepEqual(
      allRules()
        .filter((rule) => !rules.some(({ alert, record }) => alert === rule.alert && record === rule.record))
        .map(({ alert }) => alert),
      ['PressferrySchemaDrift', 'PressferryKeysOld'],
    );
  });

  test('carry labels for the routes, and links to where the runbooks are', async () => {
    const rules = await rulesOf(
      ...['--set', 'alerts.additionalLabels.team=web', '--set', 'alerts.runbookSuffix=.md'],
      ...['--set', 'alerts.runbookBaseUrl=https://git.example/docs/runbooks'],
    );
    for (const { alert, labels, annotations } of rules.filter((rule) => rule.alert !== undefined)) {
      assert.equal(labels?.team, 'web');
      assert.match(labels?.severity ?? '', /^(page|ticket)$/);
      assert.equal(annotations?.runbook_url, `https://git.example/docs/runbooks/${alert}.md`);
    }
  });

  test('an alert that is not there cannot be switched off', async () => {
    await assert.rejects(rulesOf('--set', 'alerts.disabled={PressferryNothing}'), /PressferryNothing/);
  });

  test('are packaged without their tests', async () => {
    const ignored = await readFile(join(ROOT, 'charts/pressferry/.helmignore'), 'utf8');
    assert.ok(ignored.split('\n').includes(`${ALERTS_FOLDER.replace('charts/pressferry/', '')}/*_test.yaml`));
  });
});
