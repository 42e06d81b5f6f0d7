import assert from 'node:assert/strict';
import test from 'node:test';
import { DASHBOARDS, queriesOf } from '../../scripts/dashboards/index.ts';
import { faultsOf } from './queries.ts';

const dashboards = Object.entries(DASHBOARDS);

test('every panel reads only metrics and label values that the code declares', () => {
  const faults = dashboards.flatMap(([name, dashboard]) =>
    queriesOf(dashboard).flatMap(({ title, query }) => faultsOf(query).map((fault) => `${name}, ${title}: ${fault}`)),
  );
  assert.deepEqual(faults, []);
  assert.ok(dashboards.flatMap(([, dashboard]) => queriesOf(dashboard)).length > 100);
});

test('every panel can be narrowed to one installation, and says what it tells', () => {
  for (const [name, { rows }] of dashboards) {
    for (const { title, description, lines, sql } of rows.flatMap(({ panels }) => panels)) {
      assert.ok(description.length > 0 || sql !== undefined, `${name}, ${title}`);
      for (const { expr } of lines) {
        for (const [selector, , matchers = ''] of expr.matchAll(/\b(pressferry_\w+)(\{[^}]*\})?/g))
          assert.ok(
            matchers.includes('namespace=~') || selector === 'pressferry_build_info',
            `${name}, ${title}: ${selector}`,
          );
      }
    }
  }
});
