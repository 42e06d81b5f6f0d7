import assert from 'node:assert/strict';
import test from 'node:test';
import { allRules, ruleFiles, ruleTests, selectorsOf } from '../../scripts/alerts.ts';
import { faultsOf } from './queries.ts';
import { FILES, read } from './sources.ts';

const rules = allRules();
const alerts = rules.filter(({ alert }) => alert !== undefined);
const names = alerts.map(({ alert = '' }) => alert);
const pages = FILES.filter((file) => /^docs\/runbooks\/\w+\.md$/.test(file) && !file.endsWith('/README.md'));

test('the reading of queries finds metrics, the values they ask for, and what is not declared', () => {
  assert.deepEqual(faultsOf('rate(pressferry_enricher_steps_total{outcome="retry", job="x"}[5m])'), []);
  assert.equal(faultsOf('rate(pressferry_enricher_steps_total{outcome="broken"}[5m])').length, 1);
  assert.equal(faultsOf('sum(pressferry_enricher_nothing_total) + process_no_such').length, 2);
  assert.ok(rules.flatMap(({ expr }) => selectorsOf(expr)).length > 80);
});

test('every rule reads only metrics and label values that the code declares', () => {
  const faults = rules.flatMap(({ alert, record, expr }) =>
    faultsOf(expr).map((text) => `${alert ?? record}: ${text}`),
  );
  assert.deepEqual(faults, []);
});

test('every alert has a runbook, every runbook its alert, and its link leads there', () => {
  assert.deepEqual(pages.map((page) => page.slice('docs/runbooks/'.length, -'.md'.length)).sort(), [...names].sort());
  for (const { alert, annotations } of alerts) assert.equal(annotations?.runbook_url?.split('/').at(-1), alert);
});

test('a runbook has its five parts, and a command in its diagnosis', () => {
  for (const page of pages) {
    const headings = [...read(page).matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings, ['Meaning', 'Impact', 'Diagnosis', 'Mitigation', 'How to know it is over'], page);
    const [, diagnosis = ''] = /## Diagnosis\n([\s\S]*?)\n## /.exec(read(page)) ?? [];
    assert.match(diagnosis, /^```sh\n/m, page);
  }
});

test('the queries and commands of the runbooks name metrics, variables and values that exist', () => {
  const settings = `${read('docs/configuration.md')}${read('charts/pressferry/values.yaml')}`;
  for (const page of pages) {
    const text = read(page);
    const queries = [...text.matchAll(/query '([^']+)'/g)].map(([, query = '']) => query);
    assert.deepEqual(queries.flatMap(faultsOf), [], page);
    for (const [, variable = ''] of text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g))
      assert.ok(settings.includes(variable), `${page}: ${variable}`);
  }
});

test('a command of a runbook can be pasted: what is to be put in is in capitals, never <so> or …', () => {
  const faults = pages.flatMap((page) => {
    const blocks = [...read(page).matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, text = '']) => text.split('\n'));
    const inline = [...read(page).matchAll(/`((?:pressferry|query|logs|sql|kubectl|helm|nats) [^`\n]*)`/g)];
    return [...blocks, ...inline.map(([, text = '']) => text)]
      .filter((command) => /<[a-z-]+>|…/.test(command))
      .map((command) => `${page}: ${command}`);
  });
  assert.deepEqual(faults, []);
});

test('an alert says how urgent it is, what happened, and how much of it', () => {
  assert.equal(new Set(names).size >= 40, true, `${names.length} alerts`);
  for (const { alert, labels, annotations } of alerts) {
    assert.ok(labels?.severity === 'page' || labels?.severity === 'ticket', alert);
    assert.match(annotations?.summary ?? '', /^\S.{10,90}$/, alert);
    assert.match(annotations?.description ?? '', /\.$/, alert);
  }
});

test('every alert is shown firing, and shown silent', () => {
  const shown = ruleTests().flatMap(([, { tests }]) => tests.flatMap(({ promql_expr_test: checks = [] }) => checks));
  const alertOf = (expr: string): string => /alertname="(\w+)"/.exec(expr)?.[1] ?? '';
  const firing = new Set(shown.filter(({ exp_samples }) => exp_samples.length > 0).map(({ expr }) => alertOf(expr)));
  const silent = new Set(shown.filter(({ exp_samples }) => exp_samples.length === 0).map(({ expr }) => alertOf(expr)));
  assert.deepEqual([...firing].sort(), [...new Set(names)].sort());
  assert.deepEqual([...silent].sort(), [...new Set(names)].sort());
});

test('what follows from an outage is left out by rules that name alerts which exist', () => {
  const inhibit = read('charts/pressferry/files/alertmanager/inhibit.yaml');
  const patterns = [...inhibit.matchAll(/alertname =~? "?([\w.*|]+)"?/g)].flatMap(([, pattern = '']) =>
    pattern.split('|'),
  );
  assert.ok(patterns.length > 20);
  for (const pattern of patterns)
    assert.ok(
      names.some((name) => new RegExp(`^${pattern}$`).test(name)),
      pattern,
    );
});

test('each rule file has its tests next to it, and names its groups after itself', () => {
  assert.deepEqual(
    ruleTests().map(([path]) => path),
    ruleFiles().map(([path]) => path.replace('.yaml', '_test.yaml')),
  );
  for (const [path, { groups }] of ruleFiles()) {
    const name = path.split('/').at(-1)?.replace('.yaml', '');
    for (const group of groups) assert.ok(group.name.startsWith(`pressferry-${name}`), group.name);
  }
});
