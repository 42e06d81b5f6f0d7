import { cpus, totalmem } from 'node:os';
import type { HostileRun, RefusalRun } from '../scenarios/hostile.ts';
import type { IngressRun } from '../scenarios/ingress.ts';

/** Everything measured in one round; what was not asked for is absent. */
export interface Round {
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

export function describeMachine(natsServer: string): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
    natsServer,
  };
}

/** The contents of `bench/results/ingress.json`. */
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
  measured: number;
  isMet: boolean;
}
