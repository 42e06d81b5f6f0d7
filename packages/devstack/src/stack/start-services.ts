import { describeError } from '@pressferry/admin';
import { NODE_ARGS } from '@pressferry/runtime';
import { type Plan, type PlannedService, urlOf } from './plan.ts';
import { startProgram } from './process.ts';
import type { Running } from './servers.ts';
import { inheritedEnv, SERVICES, serviceEnv, serviceFolder, type Wiring } from './services.ts';
import { type Supervised, supervise } from './supervise.ts';

/** Starts every replica at once; they stop by service, ingress first. */
export async function startServices(plan: Plan, wiring: Wiring, running: Running): Promise<void> {
  const started = await Promise.allSettled(
    plan.services.map(async (planned) => ({ planned, one: await startService(planned, plan, wiring, running) })),
  );
  const successes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  for (const service of SERVICES.toReversed()) {
    const replicas = successes.filter(({ planned }) => planned.service === service);
    running.opened.defer(async () => {
      await Promise.all(replicas.map(({ one }) => one[Symbol.asyncDispose]()));
    });
  }
  const failures = started.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  running.signal.throwIfAborted();
  if (failures.length > 1) throw new Error(failures.map(describeError).join('\n\n'));
  if (failures.length > 0) throw failures[0];
}

function startService(planned: PlannedService, plan: Plan, wiring: Wiring, running: Running): Promise<Supervised> {
  const { service, name, httpPort, opsPort } = planned;
  const { reporter, signal, fail, env } = running;
  const start = (onUnexpectedExit: Parameters<Parameters<typeof supervise>[0]>[0]) =>
    startProgram({
      name,
      args: [...NODE_ARGS, 'src/main.ts'],
      cwd: serviceFolder(service),
      env: {
        ...inheritedEnv(env),
        ...serviceEnv(service, wiring),
        ...(service === 'callback' ? publicAddresses(plan) : {}),
        OPS_HOST: '127.0.0.1',
        OPS_PORT: String(opsPort),
        ...(httpPort === undefined ? {} : { HTTP_HOST: '127.0.0.1', HTTP_PORT: String(httpPort) }),
        ...running.serviceEnv?.[service],
      },
      port: opsPort,
      readyPath: '/readyz',
      livePath: '/livez',
      signal,
      onLog: (line) => reporter.log(name, line),
      onUnexpectedExit,
    });
  return reporter.step(
    name,
    async () => {
      const one = await supervise(start, { name, say: reporter.say, fail });
      running.supervised.set(name, one);
      return one;
    },
    () => (httpPort === undefined ? `metrics ${urlOf(opsPort)}/metrics` : urlOf(httpPort)),
  );
}

const publicAddresses = ({ ingressUrls, callbackUrl }: Plan) => ({
  PUBLIC_INGRESS_URL: ingressUrls[0] ?? '',
  PUBLIC_RESULTS_URL: callbackUrl,
});
