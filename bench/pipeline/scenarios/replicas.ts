import { openLab } from '../lab.ts';
import type { PipelineOptions } from '../options.ts';
import { measureWhole, type Phase } from '../phase.ts';
import { startSubject, type Variant } from '../subject.ts';

/** The same burst through so many enrichers. */
export interface ManyEnrichers {
  variant: string;
  one: Phase;
  ten: Phase;
}

const SITES = 20;
const BURST = 3_000;
const MANY = 10;

/** One enricher and one callback, then ten enrichers and three callbacks, the same load on each. */
export async function measureManyEnrichers(variant: Variant, { warmUp }: PipelineOptions): Promise<ManyEnrichers> {
  const through = async (name: string, replicas: { enricher: number; callback: number }): Promise<Phase> => {
    await using lab = await openLab({ sites: SITES, vendorMs: 5 });
    const shape = { sites: SITES, replicas: 1, syncAlways: false };
    await using subject = await startSubject({ shape, variant, lab, replicas });
    // Each of them is to be warm.
    await measureWhole(subject, 'warm-up', await lab.sign(warmUp * Math.max(1, replicas.enricher / 3)), {
      kind: 'burst',
    });
    return await measureWhole(subject, name, await lab.sign(BURST), { kind: 'burst' });
  };
  return {
    variant: variant.name,
    one: await through('one enricher', { enricher: 1, callback: 1 }),
    ten: await through('ten enrichers', { enricher: MANY, callback: 3 }),
  };
}
