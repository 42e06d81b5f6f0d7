import { join } from 'node:path';
import { STREAM_DEFAULTS, streamDefinitions } from '@pressferry/contracts';
import { startNats } from '@pressferry/embedded';
import { applyStreams, openConnection } from '@pressferry/jetstream';
import type { Bench } from '../bench.ts';
import type { Floors } from '../ceilings/floors.ts';
import type { PublishOrder, PublishReport } from '../ceilings/publisher.ts';
import type { SignedPool } from '../load/signers.ts';
import { startUsage } from '../measure/processes.ts';
import { round } from '../measure/statistics.ts';
import { type ForkedScript, forkScript } from '../system/child.ts';

/** A bare HTTP server at its peak. */
export interface ServerRun {
  perSecond: number;
  cpuMsPerRequest: number;
  p99Ms: number;
  generatorCores: number;
  stealPercent: number;
}

/** A bare HTTP server that answers what ingress would, without looking. */
export interface BareServer extends AsyncDisposable {
  pid: number;
  port: number;
}

/** Starts a bare Fastify route or a bare node:http server. */
export async function startBareServer(kind: 'fastify' | 'http'): Promise<BareServer> {
  const script: ForkedScript<never, { port: number }> = forkScript(new URL('../ceilings/server.ts', import.meta.url), [
    kind,
  ]);
  const { port } = await script.ask(null);
  return { pid: script.pid, port, [Symbol.asyncDispose]: () => script[Symbol.asyncDispose]() };
}

/** Measures a bare server under the closed loop; it is sent the same requests over and over. */
export async function runBareServer(
  bench: Bench,
  server: BareServer,
  options: { pool: SignedPool; connections: number; seconds: number },
): Promise<ServerRun> {
  const order = { ports: [server.port], good: options.pool.paths, cycle: true, connections: options.connections };
  bench.placement.keepApart([server.pid], [bench.generator.pid]);
  await bench.generator.ask({ ...order, seconds: 1 });
  const report = await bench.measure({ ...order, seconds: options.seconds }, { server: [server.pid] });
  const { count, p99 } = report.good.latencyMs;
  if (report.good.statuses[202] !== count) throw new Error(`answers: ${JSON.stringify(report.good.statuses)}`);
  return {
    perSecond: round(count / report.seconds, 0),
    cpuMsPerRequest: round((report.usage.cpuMs.server ?? 0) / count, 4),
    p99Ms: p99,
    generatorCores: round(report.generatorCpuMs / 1000 / report.seconds, 2),
    stealPercent: report.usage.stealPercent,
  };
}

/** Bare publishes of one kind. */
export interface PublishRun {
  perSecond: number;
  clientCpuMs: number;
  natsCpuMs: number;
  stealPercent: number;
}

/** Bare publishes of events and of token ids to a fresh nats-server. */
export async function runPublishes(
  bench: Bench,
  options: { syncAlways: boolean; inFlight: number; seconds: number },
): Promise<{ event: PublishRun; token: PublishRun }> {
  const storeDir = join(bench.diskDir, options.syncAlways ? 'publish-always' : 'publish');
  await using nats = await startNats({ binary: bench.natsBinary, storeDir, syncAlways: options.syncAlways });
  await using connection = await openConnection({ url: nats.url, name: 'bench' });
  await applyStreams(connection.nats, streamDefinitions(STREAM_DEFAULTS), []);
  await using publisher = forkScript<PublishOrder, PublishReport>(
    new URL('../ceilings/publisher.ts', import.meta.url),
    [nats.url],
  );
  bench.placement.keepApart([publisher.pid], [nats.pid]);
  const measure = async (what: 'event' | 'token'): Promise<PublishRun> => {
    const { inFlight, seconds } = options;
    await publisher.ask({ what, inFlight, seconds: 0.5 });
    const end = startUsage({ nats: [nats.pid] });
    const report = await publisher.ask({ what, inFlight, seconds: seconds / 2 });
    const { cpuMs, stealPercent } = end();
    if (report.isDuplicate) throw new Error('a fresh message id was taken for a repeat');
    return {
      perSecond: round(report.published / report.seconds, 0),
      clientCpuMs: round(report.clientCpuMs / report.published, 4),
      natsCpuMs: round((cpuMs.nats ?? 0) / report.published, 4),
      stealPercent,
    };
  };
  return { event: await measure('event'), token: await measure('token') };
}

/** Measures the cryptography alone. */
export async function runFloors(seconds: number): Promise<Floors> {
  await using script = forkScript<never, Floors>(new URL('../ceilings/floors.ts', import.meta.url), [
    String(seconds * 250),
  ]);
  const { verifyUs, hmacUs, sleepUs } = await script.ask(null);
  return { verifyUs: round(verifyUs, 2), hmacUs: round(hmacUs, 2), sleepUs: round(sleepUs, 2) };
}
