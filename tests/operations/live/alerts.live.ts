// `make alerts-live`: real faults on a running stack, watched by Prometheus and Alertmanager with the chart's rules. Takes about fifteen minutes.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '@pressferry/testing';
import { DASHBOARDS, queriesOf } from '../../../scripts/dashboards/index.ts';
import { findTool } from '../../chart/helm.ts';
import { FAULTS, type Fault } from './faults.ts';
import { startWorld, type World } from './world.ts';

const prometheus = findTool('prometheus');
const alertmanager = findTool('alertmanager') ?? findTool('prometheus-alertmanager');
const skip =
  (prometheus === undefined && "prometheus is not installed (Debian's package)") ||
  (alertmanager === undefined && "alertmanager is not installed (Debian's package prometheus-alertmanager)");

const FIRES_MS = 120_000;
const ENDS_MS = 240_000;
const LINGERS_MS = 800_000;

suite('a fault of the running stack', { skip }, () => {
  let world: World;
  /** Faults that go on telling of the last ten minutes. */
  const lingering: Fault[] = [];

  before(async () => {
    world = await startWorld({ prometheus: prometheus ?? '', alertmanager: alertmanager ?? '' });
    await world.monitoring.ready;
    await quiet();
  });
  after(() => world?.[Symbol.asyncDispose]());

  /** Alerts that fire now and are not expected. */
  const strange = async (expected: readonly string[]): Promise<string[]> => {
    const known = new Set([...expected, ...lingering.map(({ alert }) => alert)]);
    return (await world.monitoring.active()).flatMap(({ name, labels }) =>
      known.has(name) ? [] : [`${name} ${JSON.stringify(labels)}`],
    );
  };
  const quiet = async (): Promise<void> => {
    let told: string[] = [];
    await waitFor(
      async () => {
        told = await strange([]);
        return told.length === 0;
      },
      { what: 'no alert to be active', timeoutMs: ENDS_MS, everyMs: 500 },
    ).catch((cause: unknown) => {
      throw new Error(`still told: ${told.join(', ')}`, { cause });
    });
  };
  const isTold = async ({ alert, labels = {} }: Fault): Promise<boolean> =>
    (await world.monitoring.active()).some(
      (active) =>
        active.name === alert && Object.entries(labels).every(([name, value]) => active.labels[name] === value),
    );

  for (const fault of FAULTS) {
    const { name, alert, first = [], after: later = {}, lingers } = fault;
    test(`${name}: ${alert} tells of it, nothing else does, and it ends`, async (t) => {
      await quiet();
      const begunMs = performance.now();
      const strangers = new Set<string>();
      let toldMs = Number.NaN;
      try {
        await fault.provoke(world);
        await waitFor(
          async () => {
            for (const other of await strange([alert, ...first])) strangers.add(other);
            return isTold(fault);
          },
          { what: `${alert} to be active`, timeoutMs: FIRES_MS, everyMs: 250 },
        );
        toldMs = performance.now();
        // What follows from it would be told by now.
        for (let looks = 0; looks < 20; looks++) {
          for (const other of await strange([alert])) strangers.add(other);
          await delay(500);
        }
      } finally {
        await fault.heal(world);
      }
      assert.deepEqual([...strangers], [], 'other alerts were told');
      if (lingers) {
        lingering.push(fault);
        t.diagnostic(`told after ${seconds(begunMs, toldMs)}; it tells of the last ten minutes`);
        return;
      }
      const allowed = [alert, ...Object.keys(later)];
      await waitFor(
        async () => {
          for (const other of await strange(allowed)) strangers.add(other);
          return (await strange([])).length === 0;
        },
        { what: `${alert} to end`, timeoutMs: ENDS_MS, everyMs: 250 },
      );
      assert.deepEqual([...strangers], [], 'other alerts were told once it was mended');
      t.diagnostic(`told after ${seconds(begunMs, toldMs)}, over after ${seconds(begunMs, performance.now())}`);
    });
  }

  test('every panel of every dashboard shows data', async () => {
    let empty: string[] = [];
    const look = async (): Promise<boolean> => {
      empty = [];
      for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
        for (const { title, query } of queriesOf(dashboard)) {
          // What shows only what there is, and what asks for a site that is chosen.
          if (/> 0$|some-site/.test(query)) continue;
          if ((await world.monitoring.query(query)).length === 0) empty.push(`${name}, ${title}: ${query}`);
        }
      }
      return empty.length === 0;
    };
    // What a fault took away comes with the next scrapes.
    await waitFor(look, { what: 'every panel to have data', timeoutMs: 30_000, everyMs: 1_000 }).catch(() => undefined);
    assert.deepEqual(empty, []);
  });

  test('what told of the last ten minutes ends when they are over', async () => {
    await waitFor(
      async () => {
        const told = await Promise.all(lingering.map(isTold));
        return !told.includes(true);
      },
      { what: lingering.map(({ alert }) => alert).join(', '), timeoutMs: LINGERS_MS, everyMs: 1_000 },
    );
  });
});

const seconds = (from: number, to: number): string => `${((to - from) / 1000).toFixed(0)} s`;
