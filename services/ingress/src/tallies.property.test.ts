import assert from 'node:assert/strict';
import { property } from '@pressferry/testing/property';
import fc from 'fast-check';
import { Counter, Histogram, Registry } from 'prom-client';
import { tallyCounter, tallyHistogram } from './tallies.ts';

const BUCKETS = [0.001, 0.01, 0.5, 2];
const outcomes = ['accepted', 'refused', 'failed'];
const about = { name: 'seconds', help: 'For the test', labels: { outcome: outcomes } };
const aboutTheirs = { name: 'seconds', help: 'For the test', labelNames: ['outcome'] as 'outcome'[] };
/** On, beside and far from the bounds. */
const seconds = fc.oneof(fc.constantFrom(0, ...BUCKETS, 1e9), fc.double({ min: 0, max: 4, noNaN: true }));
const happenings = fc.array(fc.tuple(fc.constantFrom(...outcomes), seconds), { maxLength: 60 });

/** The lines of the text format, in no order. */
const lines = async (registry: Registry): Promise<string[]> => (await registry.metrics()).split('\n').sort();

property(
  "Prometheus reads of a tallied histogram what it reads of prom-client's, whoever asks for a series, and how often",
  fc.asyncProperty(happenings, async (list) => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const tally = tallyHistogram({ ...about, registry: ours, buckets: BUCKETS });
    const histogram = new Histogram({ ...aboutTheirs, registers: [theirs], buckets: BUCKETS });
    for (const outcome of outcomes) histogram.zero({ outcome });
    for (const [outcome, value] of list) {
      tally({ outcome }).observe(value);
      histogram.observe({ outcome }, value);
    }
    assert.deepEqual(await lines(ours), await lines(theirs));
  }),
);

property(
  "a tallied counter says what prom-client's says, each time it is asked",
  fc.asyncProperty(fc.array(happenings, { maxLength: 3 }), async (scrapes) => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const tally = tallyCounter({ ...about, registry: ours });
    const counter = new Counter({ ...aboutTheirs, registers: [theirs] });
    for (const outcome of outcomes) counter.inc({ outcome }, 0);
    const cells = new Map(outcomes.map((outcome) => [outcome, tally({ outcome })]));
    for (const list of scrapes) {
      for (const [outcome] of list) {
        const cell = cells.get(outcome);
        assert.ok(cell);
        cell.count++;
        counter.inc({ outcome });
      }
      assert.deepEqual(await lines(ours), await lines(theirs));
    }
  }),
);
