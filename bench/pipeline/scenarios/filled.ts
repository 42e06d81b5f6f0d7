import { openLab } from '../lab.ts';
import type { PipelineOptions } from '../options.ts';
import { measureWhole, type Phase } from '../phase.ts';
import { startSubject, type Variant } from '../subject.ts';
import { multiplyRows } from './fill.ts';

/** The same load before and after the tables were filled with finished journeys. */
export interface Filled {
  variant: string;
  rows: number;
  empty: Phase;
  filled: Phase;
  fillSeconds: number;
}

const SITES = 40;
/** Journeys whose rows are copied. */
const TEMPLATES = 1_000;

/** Measures a burst on nearly empty tables, fills them, and measures another right behind a checkpoint, when full pages cost most. */
export async function measureFilled(
  variant: Variant,
  { burst, rows }: PipelineOptions,
  say: (what: string) => void,
): Promise<Filled> {
  await using lab = await openLab({ sites: SITES, vendorMs: 5 });
  await using subject = await startSubject({ shape: { sites: SITES, replicas: 1, syncAlways: false }, variant, lab });
  await measureWhole(subject, 'warm-up', await lab.sign(TEMPLATES), { kind: 'burst' });
  await subject.meter.query('checkpoint');
  const empty = await measureWhole(subject, 'empty tables', await lab.sign(burst), { kind: 'burst' });
  say(`empty: ${empty.walKbEach} KB of WAL a journey`);
  const startMs = performance.now();
  await multiplyRows(subject.meter, rows, say);
  const fillSeconds = Math.round((performance.now() - startMs) / 1000);
  const filled = await measureWhole(subject, `${rows} rows`, await lab.sign(burst), { kind: 'burst' });
  say(`filled: ${filled.walKbEach} KB of WAL a journey`);
  return { variant: variant.name, rows, empty, filled, fillSeconds };
}
