import { setTimeout as delay } from 'node:timers/promises';
import type { Breaking } from './faults/postgres.ts';
import { type ProcessFaults, processFaults } from './faults/processes.ts';
import { watchStalls } from './faults/stalls.ts';
import { DRAIN_MS, type Fault, judge, judgeRepeats, type SentEvent, type Target, type Verdict } from './judge.ts';
import { createRandom, type Random } from './random.ts';
import { createSender, type Sender } from './sender.ts';
import type { World } from './world.ts';

/** What a scenario may use. */
export interface Stage extends ProcessFaults {
  world: World;
  random: Random;
  sender: Sender;
  isQuick: boolean;
  /** A duration in ms: of a whole run, and of a quick one. */
  seconds: (whole: number, quick: number) => number;
  pause: (ms: number) => Promise<void>;
  /** Names a promise that the scenario itself saw broken. */
  broke: (what: string) => void;
  /** Breaks something that is not a process, for so long, and notes it. */
  breakFor: (target: Target, what: string, breaking: Breaking, forMs: number, interrupts?: boolean) => Promise<void>;
}

/** A way to break things while events flow. */
export interface Scenario {
  name: string;
  title: string;
  /** Part of a quick run. */
  isQuick?: boolean;
  /** Only if it is asked for by name: it takes too long. */
  onlyByName?: boolean;
  load: (isQuick: boolean) => { count: number; perSecond: number };
  /** Resolves when the last fault is over. */
  run: (stage: Stage) => Promise<void>;
}

export interface Outcome {
  scenario: Scenario;
  verdict: Verdict;
  events: readonly SentEvent[];
  faults: readonly Fault[];
  seconds: number;
  /** Services that ended by themselves. */
  ends: string[];
}

/** So long a sender goes on trying once its last event is under way. */
const SENDER_PATIENCE_MS = 30_000;
/** Faults begin when events flow, and end before the last is sent. */
const LEAD_MS = 1_000;

/** Plays one scenario: sends, breaks, waits until all is delivered or until it should have been, and judges. */
export async function play(
  scenario: Scenario,
  world: World,
  { seed, isQuick }: { seed: string; isQuick: boolean },
): Promise<Outcome> {
  const startMs = world.now();
  const random = createRandom(`${seed}:${scenario.name}`);
  const faults: Fault[] = [];
  const seen: string[] = [];
  const endsBefore = world.ends.length;
  const { sites, stack, now } = world;
  const name = `${scenario.name}-${random.uuid().slice(0, 4)}`;
  const sender = createSender({ name, ports: stack.ingressPorts, sites, random, now });
  const note = (fault: Fault): void => void faults.push(fault);
  const stage: Stage = {
    world,
    random,
    sender,
    isQuick,
    seconds: (whole, quick) => 1_000 * (isQuick ? quick : whole),
    pause: (ms) => delay(ms),
    broke: (what) => void seen.push(what),
    breakFor: async (target, what, breaking, forMs, interrupts = true) => {
      const beganMs = now();
      await breaking(world, forMs);
      note({ target, what, interrupts, startMs: beganMs, endMs: now() });
    },
    ...processFaults(world, note),
  };
  using _stalls = watchStalls(now, note);
  const sending = sender.run({ ...scenario.load(isQuick), patienceMs: SENDER_PATIENCE_MS });
  await delay(LEAD_MS);
  // One that cannot be played is a finding like another, and the next ones are.
  const played = await Promise.allSettled([scenario.run(stage), sending]);
  for (const one of played) if (one.status === 'rejected') seen.push(`could not be played: ${String(one.reason)}`);
  await untilDelivered(world, sender, Math.max(now(), ...faults.map(({ endMs }) => endMs)) + DRAIN_MS);
  const { arrivals } = world.sink;
  const verdict = judge({ events: sender.events, arrivals, calls: world.vendor.calls, faults });
  verdict.broken.push(...seen);
  const seconds = (now() - startMs) / 1000;
  return { scenario, verdict, events: sender.events, faults, seconds, ends: world.ends.slice(endsBefore) };
}

/** Longer than a lease, and the look for those that ended. */
const LEASES_END_MS = 15_000;

/** Waits until no lease of what was in flight is left, and names what was done again without need by then, with the scenario. */
export async function judgeLater({ sink, vendor }: World, outcomes: readonly Outcome[]): Promise<string[]> {
  await delay(LEASES_END_MS);
  const faults = outcomes.flatMap((outcome) => outcome.faults);
  return outcomes.flatMap(({ scenario, events, verdict }) =>
    judgeRepeats({ events, arrivals: sink.arrivals, calls: vendor.calls, faults })
      .filter((what) => !verdict.broken.includes(what))
      .map((what) => `${scenario.name}, later: ${what}`),
  );
}

async function untilDelivered(world: World, sender: Sender, deadlineMs: number): Promise<void> {
  for (;;) {
    const arrived = new Set(world.sink.arrivals.map(({ idempotencyKey }) => idempotencyKey));
    if (sender.events.every(({ key, acceptedAtMs }) => acceptedAtMs === null || arrived.has(key))) return;
    if (world.now() > deadlineMs) return;
    await delay(100);
  }
}
