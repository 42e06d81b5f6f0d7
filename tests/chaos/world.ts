import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, openConnection } from '@pressferry/jetstream';
import {
  type JourneySite,
  type JourneyStack,
  journeySites,
  type ServiceProcess,
  type Sink,
  startJourneyStack,
  startSink,
  startVendor,
  type VendorStub,
} from '@pressferry/testing/journey';
import { Client } from 'pg';
import { SERVICE_ROLE } from './faults/postgres.ts';

/** A whole stack, what surrounds it, and ways to break it. */
export interface World extends AsyncDisposable {
  stack: JourneyStack;
  sites: readonly JourneySite[];
  sink: Sink;
  vendor: VendorStub;
  /** How long the vendor works, and how long the sites keep acknowledgements back; changed by scenarios. */
  pace: { vendorMs: number; sinkMs: number };
  /** As the owner, in its own database, so what is done to the product's does not hit it. */
  admin: () => Promise<Client>;
  /** As the owner in the product's database. */
  owner: () => Promise<Client>;
  nats: () => Promise<Connection>;
  service: (name: string) => ServiceProcess;
  now: () => number;
  /** Services that ended without having been told to. */
  ends: string[];
  /** They stay after the end; returns where. */
  keepLogs: () => string;
}

export interface WorldOptions {
  root: string;
  /** Of enricher and of callback, 1 unless given; faults hit the first of each. */
  replicas?: number;
}

const SITES = 10;
const VENDOR_MS = 5;

/** Starts a stack as `up` would, its services under their own role and started again when they end. */
export async function openWorld({ root, replicas = 1 }: WorldOptions): Promise<World> {
  await using opened = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'pressferry-chaos-'));
  await chmod(dir, 0o711);
  let keepsLogs = false;
  opened.defer(async () => {
    for (const part of keepsLogs ? ['postgres', 'nats'] : [''])
      await rm(join(dir, part), { recursive: true, force: true });
  });
  const now = (): number => performance.now();
  const pace = { vendorMs: VENDOR_MS, sinkMs: 0 };
  const sites = journeySites(SITES);
  const sink = opened.use(await startSink({ sites, now, delayMs: () => pace.sinkMs }));
  const vendor = opened.use(await startVendor({ now, latencyMs: () => pace.vendorMs }));
  const ends: string[] = [];
  const stack = opened.use(
    await startJourneyStack({
      root,
      dir,
      sites,
      callbackUrl: sink.callbackUrl,
      vendorUrl: vendor.url,
      ownRole: SERVICE_ROLE,
      replicas: { enricher: replicas, callback: replicas },
      keepUp: true,
      onEnd: (name, { code, signal }) => void ends.push(`${name} ended with ${signal ?? code}`),
    }),
  );
  const connect = async (database: string): Promise<Client> => {
    const url = new URL(stack.postgres.url);
    if (database !== '') url.pathname = `/${database}`;
    const client = new Client({ connectionString: url.href, application_name: 'chaos' });
    // Postgres is killed by some scenarios.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const resources = opened.move();
  return {
    stack,
    sites,
    sink,
    vendor,
    pace,
    now,
    ends,
    keepLogs: () => {
      keepsLogs = true;
      return join(dir, 'logs');
    },
    admin: () => connect('postgres'),
    owner: () => connect(''),
    nats: () => openConnection({ url: stack.nats.url, name: 'chaos' }),
    service: (name) => {
      const found = stack.services.get(name);
      if (found === undefined) throw new Error(`there is no ${name}`);
      return found;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
