import { cpus, totalmem } from 'node:os';
import type { Floors } from '../ceilings/floors.ts';
import type { PublishRun, ServerRun } from '../scenarios/ceilings.ts';
import type { HostileRun, RefusalRun } from '../scenarios/hostile.ts';
import type { IngressRun } from '../scenarios/ingress.ts';

/** Everything measured in one round; what was not asked for is absent. */
export interface Round {
  floors?: Floors;
  http?: ServerRun;
  fastify?: ServerRun;
  publish?: { event: PublishRun; token: PublishRun };
  'publish-always'?: { event: PublishRun; token: PublishRun };
  'ingress-1'?: IngressRun;
  'ingress-2'?: IngressRun;
  'ingress-1-always'?: IngressRun;
  'ingress-2-always'?: IngressRun;
  refusals?: RefusalRun;
  hostile?: HostileRun;
}

export const INGRESS_SCENARIOS = ['ingress-1', 'ingress-2', 'ingress-1-always', 'ingress-2-always'] as const;
export type IngressScenario = (typeof INGRESS_SCENARIOS)[number];

/** Where the figures come from. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  node: string;
  natsServer: string;
}

/** Describes this machine. */
export function describeMachine(natsServer: string): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
    natsServer,
  };
}

/** What is written to `bench/results/ingress.json`. */
export interface Results {
  startedAt: string;
  seconds: number;
  machine: Machine;
  options: { rounds: number; secondsPerRun: number; connections: number; isShared: boolean };
  summary: unknown;
  targets: Target[];
  rounds: Round[];
}

/** A number to reach and what was measured (the median over the rounds). */
export interface Target {
  name: string;
  limit: number;
  stretch?: number;
  measured: number;
  isMet: boolean;
}

/** The floors of one round in ms, once with bare Fastify at its own peak and once asked as often as ingress is at its own. */
export interface SumsOfFloors {
  atOwnPeak: number;
  atSameRate: number;
}

/**
 * Bare Fastify, RS256, HMAC and the client side of as many publishes as ingress made for each event. Null where not all of them were
 * measured.
 */
export function sumsOfFloors(round: Round, scenario: IngressScenario): SumsOfFloors | null {
  const { floors, fastify } = round;
  const publish = scenario.endsWith('always') ? round['publish-always'] : round.publish;
  const peak = round[scenario]?.peak;
  if (floors === undefined || fastify === undefined || publish === undefined || peak === undefined) return null;
  const publishes = publish.event.clientCpuMs + peak.tokenPublishes * publish.token.clientCpuMs;
  const others = floors.verifyUs / 1000 + floors.hmacUs / 1000 + publishes;
  return { atOwnPeak: fastify.cpuMsPerRequest + others, atSameRate: peak.fastifyCpuMs + others };
}
