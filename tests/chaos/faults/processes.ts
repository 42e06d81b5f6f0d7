import { setTimeout as delay } from 'node:timers/promises';
import { signalTree } from '@pressferry/testing/journey';
import type { Fault, Target } from '../judge.ts';
import type { World } from '../world.ts';

/** Does something to a process and notes when it began and ended. */
export interface ProcessFaults {
  /** SIGKILL, and a new start at once. */
  kill: (target: Target) => Promise<void>;
  /** SIGSTOP for a while. */
  freeze: (target: Target, forMs: number) => Promise<void>;
  /** SIGTERM, or what it is stopped with, and a new start. */
  restart: (target: Target) => Promise<void>;
}

/** Makes the faults of a world; `note` is told of each. */
export function processFaults(world: World, note: (fault: Fault) => void): ProcessFaults {
  const { stack, now } = world;
  const noted = async (target: Target, what: string, work: () => Promise<void>): Promise<void> => {
    const startMs = now();
    await work();
    note({ target, what: `${what} ${target}`, interrupts: true, startMs, endMs: now() });
  };
  const server = (target: Target) =>
    target === 'postgres' ? stack.postgres : target === 'nats' ? stack.nats : undefined;
  const untilReady = (target: Target): Promise<void> => world.service(target).start();
  return {
    kill: (target) =>
      noted(target, 'kill -9 of', async () => {
        const one = server(target);
        if (one === undefined) {
          world.service(target).signal('SIGKILL');
          return untilReady(target);
        }
        await one.kill();
        await one.restart();
      }),
    freeze: (target, forMs) =>
      noted(target, `SIGSTOP for ${forMs / 1000} s of`, async () => {
        const pid = server(target)?.pid ?? world.service(target).pid;
        signalTree(pid, 'SIGSTOP');
        try {
          await delay(forMs);
        } finally {
          signalTree(pid, 'SIGCONT');
        }
      }),
    restart: (target) =>
      noted(target, 'restart of', async () => {
        const one = server(target);
        if (one !== undefined) return one.restart();
        await world.service(target).stop();
        await untilReady(target);
      }),
  };
}
