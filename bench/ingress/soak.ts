// A long run at a steady rate: the memory of ingress and nats-server minute by minute, and the proof of every 202 at its end.
import { mkdir, unlink, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { PINNED_NATS_VERSION } from '@pressferry/embedded';
import { readCommandLine } from '@pressferry/runtime';
import { type Bench, openBench } from './bench.ts';
import { RAMP_SECONDS } from './load/open-loop.ts';
import { answeredBetween, outcomesOf } from './measure/outcomes.ts';
import { memoryMb, startUsage, waitedMs } from './measure/processes.ts';
import { round, slope } from './measure/statistics.ts';
import { positive } from './options.ts';
import { table } from './report/print.ts';
import { describeMachine } from './report/results.ts';
import { createLedger, type Proof } from './system/proof.ts';
import { type Stack, startStack } from './system/stack.ts';

const USAGE = `usage: node bench/ingress/soak.ts [options]
  --minutes N         how long the load lasts (15)
  --rate N            events a second (1000)
  --events N          so many events in all, in place of a rate
  --always            nats-server calls fsync before each acknowledgement
  --node-args ARGS    arguments for ingress' node, separated by blanks
  --results FILE      where the figures go (bench/results/ingress-soak.json)`;
const { values } = readCommandLine(USAGE, (args) => {
  const read = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '15' },
      /** Instead of a rate: the total. */
      events: { type: 'string' },
      rate: { type: 'string', default: '1000' },
      always: { type: 'boolean', default: false },
      /** Arguments for ingress' node, separated by blanks: `--node-args=--max-semi-space-size=8`. */
      'node-args': { type: 'string', default: '' },
      results: { type: 'string', default: new URL('../results/ingress-soak.json', import.meta.url).pathname },
    },
  });
  positive(read.values.minutes, '--minutes');
  positive(read.values.events ?? read.values.rate, read.values.events === undefined ? '--rate' : '--events');
  return read;
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const minutes = positive(values.minutes, '--minutes');
const ratePerSecond =
  values.events === undefined
    ? positive(values.rate, '--rate')
    : Math.ceil(positive(values.events, '--events') / (minutes * 60));
const ingressArgv = values['node-args'].split(' ').filter((argument) => argument !== '');
/** Short, because tokens live two minutes and the next piece is signed meanwhile. */
const PIECE_S = 15;

/** At its end. */
interface Minute {
  minute: number;
  accepted: number;
  ingressRssMb: number;
  natsRssMb: number;
  cpuMsPerEvent: number;
  /** Of the worst piece. */
  p99Ms: number;
  stealPercent: number;
  /** Answers other than 202, and requests without one. */
  refused: Record<string, number>;
  /** Waits for a processor, ms per event. */
  ingressWaitedMs: number;
  natsWaitedMs: number;
}

const { series, proof, peakMb } = await soak();
const thirds = growth(series);
const results = {
  machine: describeMachine(PINNED_NATS_VERSION),
  minutes,
  ratePerSecond,
  peakMb,
  growth: thirds,
  proof,
  series,
};
await mkdir(new URL('../results/', import.meta.url), { recursive: true });
await writeFile(values.results, `${JSON.stringify(results, null, 2)}\n`);
report();
process.exit(proof.faults.length === 0 ? 0 : 1);

async function soak(): Promise<{ series: Minute[]; proof: Proof; peakMb: number }> {
  await using bench = await openBench(console.error);
  await using stack = await startStack(
    { replicas: 1, syncAlways: values.always },
    { natsBinary: bench.natsBinary, dir: bench.diskDir, ingressArgv },
  );
  const { opsUrl = '', pid: ingress = 0 } = stack.replicas[0] ?? {};
  const ledger = createLedger({ keepBodies: false });
  const series: Minute[] = [];
  const perPiece = Math.ceil(ratePerSecond * PIECE_S);
  let pool = await bench.sign(perPiece + 2);
  for (let minute = 1; minute <= minutes; minute++) {
    const end = startUsage(stack.pids);
    const before = await outcomesOf(opsUrl);
    const waited = { ingress: waitedMs(ingress), nats: waitedMs(stack.nats.pid) };
    let accepted = 0;
    let p99Ms = 0;
    let unanswered = 0;
    for (let piece = 0; piece < 60 / PIECE_S; piece++) {
      const current = pool;
      const isLast = minute + 1 > minutes && piece + 1 === 60 / PIECE_S;
      const next = isLast ? null : bench.sign(perPiece + 2);
      const report = await sendPiece(bench, stack, current.paths, (outcomes) => ledger.add(current.paths, outcomes));
      accepted += report.good.statuses[202] ?? 0;
      unanswered += report.good.statuses[0] ?? 0;
      p99Ms = Math.max(p99Ms, report.good.latencyMs.p99);
      await bench.discard(current);
      if (next !== null) pool = await next;
    }
    const usage = end();
    const cpu = Object.values(usage.cpuMs).reduce((sum, ms) => sum + ms, 0);
    const { accepted: _, ...refused } = answeredBetween(before, await outcomesOf(opsUrl));
    const seen: Minute = {
      minute,
      accepted,
      ingressRssMb: memoryMb(ingress).rss,
      natsRssMb: memoryMb(stack.nats.pid).rss,
      cpuMsPerEvent: round(cpu / accepted, 3),
      p99Ms,
      stealPercent: usage.stealPercent,
      refused: unanswered === 0 ? refused : { ...refused, unanswered },
      ingressWaitedMs: round((waitedMs(ingress) - waited.ingress) / accepted, 3),
      natsWaitedMs: round((waitedMs(stack.nats.pid) - waited.nats) / accepted, 3),
    };
    series.push(seen);
    console.error(`minute ${minute} of ${minutes}: ${JSON.stringify(seen)}`);
  }
  const peakMb = memoryMb(ingress).peak;
  return { series, proof: await ledger.prove(stack.connection), peakMb };
}

async function sendPiece(bench: Bench, stack: Stack, good: readonly string[], note: (outcomes: string) => void) {
  const outcomesFile = bench.memoryFile();
  const seconds = PIECE_S - RAMP_SECONDS;
  const order = { ports: stack.ports, connections: 128, seconds, ratePerSecond, good, outcomesFile };
  const report = await bench.generator.ask(order);
  note(outcomesFile);
  await unlink(outcomesFile);
  return report;
}

/** Compares the second and the last third: five minutes each in fifteen. */
function growth(all: readonly Minute[]): { secondMb: number; lastMb: number; slopeMbPerMinute: number } | null {
  const third = Math.floor(all.length / 3);
  if (third < 2) return null;
  const mean = (part: readonly Minute[]): number =>
    round(part.reduce((sum, { ingressRssMb }) => sum + ingressRssMb, 0) / part.length, 1);
  const later = all.slice(-2 * third);
  return {
    secondMb: mean(later.slice(0, third)),
    lastMb: mean(later.slice(third)),
    slopeMbPerMinute: round(slope(later.map(({ minute, ingressRssMb }) => [minute, ingressRssMb] as const)), 2),
  };
}

function cell(value: number | Record<string, number>): string {
  if (typeof value === 'number') return String(value);
  return Object.entries(value)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

function report(): void {
  const columns = [
    'minute',
    'accepted',
    'ingressRssMb',
    'natsRssMb',
    'cpuMsPerEvent',
    'p99Ms',
    'stealPercent',
    'ingressWaitedMs',
    'natsWaitedMs',
    'refused',
  ] as const;
  const head = [
    'minute',
    'accepted',
    'ingress RSS MB',
    'nats-server RSS MB',
    'CPU ms per event',
    'p99 ms',
    'steal %',
    'ingress waited ms',
    'nats waited ms',
    'not 202',
  ];
  console.log(
    table(
      head,
      series.map((each) => columns.map((column) => cell(each[column]))),
    ),
  );
  console.log(`\n${ratePerSecond} events a second offered; most memory ingress ever had: ${peakMb} MB`);
  if (thirds !== null) {
    console.log(
      `ingress RSS, mean of the second third ${thirds.secondMb} MB, of the last ${thirds.lastMb} MB; slope over both ${thirds.slopeMbPerMinute} MB a minute`,
    );
  }
  console.log(
    proof.faults.length === 0
      ? `proof: ${proof.accepted} times 202, ${proof.stored} events read back, the same keys and ids`
      : `PROOF FAILED: ${proof.accepted} times 202, ${proof.stored} events read back\n  ${proof.faults.join('\n  ')}`,
  );
}
