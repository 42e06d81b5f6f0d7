import { join } from 'node:path';
import { type Lab, openLab } from '../lab.ts';
import { startWal, type WalShare } from '../measure/wal.ts';
import type { PipelineOptions } from '../options.ts';
import { measureWhole, type Phase } from '../phase.ts';
import { startSubject, type Variant } from '../subject.ts';
import { type Kept, keepFilled, openKept } from './kept.ts';

/** The same load on an empty database and on one full of finished journeys, by turns. */
export interface Filled extends Omit<Kept, 'stack'> {
  variant: string;
  empty: Phase[];
  filled: Phase[];
  /** Of the last burst on the filled one, by table or index. */
  wal: WalShare[];
}

const FILLED_SITES = 40;

/** Each burst has its own start of the stack and its own warm-up, and begins right behind a checkpoint, when full pages cost most. */
export async function measureFilled(
  variant: Variant,
  options: PipelineOptions,
  say: (what: string) => void,
): Promise<Filled> {
  await using lab = await openLab({ sites: FILLED_SITES, vendorMs: 5 });
  const { stack, ...kept } = await fromOptions(options, { variant, lab, say });
  const [empty, filled]: [Phase[], Phase[]] = [[], []];
  let wal: WalShare[] = [];
  for (let round = 0; round < options.rounds; round++) {
    empty.push((await burst('empty', options, { variant, lab })).phase);
    const last = await burst(`${kept.rows} rows`, options, { variant, lab, kept: stack });
    filled.push(last.phase);
    wal = last.wal;
    for (const phases of [empty, filled]) {
      const { name, perSecond, walKbEach } = phases.at(-1) as Phase;
      say(`${name}: ${perSecond}/s, ${walKbEach} KB of WAL a journey`);
    }
  }
  return { variant: variant.name, ...kept, empty, filled, wal };
}

interface On {
  variant: Variant;
  lab: Lab;
}

async function fromOptions(
  { filledDir, rows }: PipelineOptions,
  { variant, lab, say }: On & { say: (what: string) => void },
): Promise<Kept> {
  return filledDir === undefined
    ? keepFilled({ dir: join(lab.dir, 'filled'), variant, lab, rows, say })
    : openKept(filledDir);
}

async function burst(
  name: string,
  { burst: journeys, warmUp }: PipelineOptions,
  { variant, lab, kept }: On & { kept?: Kept['stack'] },
): Promise<{ phase: Phase; wal: WalShare[] }> {
  const shape = { sites: FILLED_SITES, replicas: 1, syncAlways: false };
  await using subject = await startSubject({ shape, variant, lab, ...(kept === undefined ? {} : { kept }) });
  await measureWhole(subject, 'warm-up', await lab.sign(warmUp), { kind: 'burst' });
  await subject.meter.query('checkpoint');
  const pool = await lab.sign(journeys);
  const endWal = await startWal(subject.meter);
  const phase = await measureWhole(subject, name, pool, { kind: 'burst' });
  return { phase, wal: await endWal() };
}

/** A database for later measurements. */
export async function fillFor(
  variant: Variant,
  order: { dir: string; rows: number; say: (what: string) => void },
): Promise<Kept> {
  await using lab = await openLab({ sites: FILLED_SITES, vendorMs: 5 });
  return await keepFilled({ ...order, variant, lab });
}
