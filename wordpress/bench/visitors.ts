import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerKind } from '../lanes/native-servers.ts';
import type { NativeSite } from '../lanes/native-site.ts';
import type { FakeIngress } from './fake-ingress.ts';
import { settingsFor } from './settings.ts';
import { leaveComment, openPage, percentile, type Taken } from './visitor.ts';

/** `asleep`: the plugin is off, and one worker waits for five seconds for something else, as it would for a backend that hangs. */
type Mode = 'off' | 'asleep' | 'healthy' | 'hanging';
const MODES: readonly Mode[] = ['off', 'asleep', 'healthy', 'hanging'];
const ASLEEP_MS = 5_000;

/** TTFB in ms of one server, mode and load. */
export interface VisitorFigures {
  server: ServerKind;
  load: 'comment alone' | '12 comments at once' | 'page during 12 comments';
  mode: Mode;
  n: number;
  p50: number;
  p95: number;
  max: number;
  /** Until the connection ends. */
  endP50: number;
}

interface World {
  kind: ServerKind;
  site: NativeSite;
  ingress: FakeIngress;
  quick: boolean;
}

const AT_ONCE = 12;

/** Comments and pages with the plugin off, on, and on with a backend that hangs; by turns, so all meet the same weather. */
export async function measureVisitors({ kind, site, ingress, quick }: World): Promise<VisitorFigures[]> {
  const taken = new Map<string, Taken[]>();
  const note = (load: string, mode: Mode, times: Taken[]) => {
    const key = `${load}|${mode}`;
    taken.set(key, [...(taken.get(key) ?? []), ...times]);
  };
  const rounds = quick ? 3 : 8;
  await writeFile(join(site.root, 'asleep.php'), `<?php usleep( ${ASLEEP_MS}000 );`);
  for (let round = -1; round < rounds; round++) {
    for (const mode of MODES) {
      await enter(mode, { site, ingress });
      const alone: Taken[] = [];
      for (let i = 0; i < 8; i++) alone.push(await leaveComment(site.url));
      await enter(mode, { site, ingress });
      const asleep = mode === 'asleep' ? fetch(`${site.url}/asleep.php`) : undefined;
      const pages = openPages(site.url);
      const together = await Promise.all(Array.from({ length: AT_ONCE }, () => leaveComment(site.url)));
      const opened = await pages.stop();
      await (await asleep)?.arrayBuffer();
      // The first round warms up.
      if (round < 0) continue;
      note('comment alone', mode, alone);
      note('12 comments at once', mode, together);
      note('page during 12 comments', mode, opened);
    }
  }
  return [...taken].map(([key, times]) => {
    const [load, mode] = key.split('|') as [VisitorFigures['load'], Mode];
    const ttfb = times.map(({ ttfbMs }) => ttfbMs);
    const figures: VisitorFigures = {
      server: kind,
      load,
      mode,
      n: times.length,
      p50: round(percentile(ttfb, 50)),
      p95: round(percentile(ttfb, 95)),
      max: round(Math.max(...ttfb)),
      endP50: round(percentile(times.map(({ totalMs }) => totalMs), 50)),
    };
    print(figures);
    return figures;
  });
}

/** Puts the site into a mode as if it were new to it: nothing is known of the backend, nothing waits. */
async function enter(mode: Mode, { site, ingress }: Pick<World, 'site' | 'ingress'>): Promise<void> {
  ingress.behaviour = mode === 'hanging' ? 'hanging' : 'healthy';
  await site.configure(await settingsFor(ingress.url), { plugin: mode === 'healthy' || mode === 'hanging' });
  // Every worker is free again, and what they recorded is gone.
  await site.php(`global $wpdb;
    $wpdb->suppress_errors( true );
    $wpdb->query( "DELETE FROM {$wpdb->prefix}pressferry_outbox" );
    $wpdb->query( "DELETE FROM {$wpdb->options} WHERE option_name = '_pressferry_breaker'" );
    $wpdb->query( "DELETE FROM {$wpdb->comments}" );
    $wpdb->query( "DELETE FROM {$wpdb->options} WHERE option_name = 'cron'" );`);
  await new Promise((resolve) => setTimeout(resolve, mode === 'hanging' ? 6_000 : 300));
  await openPage(site.url);
}

/** Opens the home page, one after the other, until it is stopped. */
function openPages(url: string): { stop(): Promise<Taken[]> } {
  let running = true;
  const done = (async () => {
    const taken: Taken[] = [];
    do taken.push(await openPage(url));
    while (running);
    return taken;
  })();
  return {
    stop: () => {
      running = false;
      return done;
    },
  };
}

const round = (ms: number): number => Math.round(ms * 10) / 10;

function print({ load, mode, n, p50, p95, max, endP50 }: VisitorFigures): void {
  console.log(
    `  ${load.padEnd(24)} ${mode.padEnd(8)} n ${String(n).padStart(4)}  TTFB p50 ${p50} p95 ${p95} max ${max} ms  end p50 ${endP50} ms`,
  );
}
