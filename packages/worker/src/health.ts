import { EventEmitter, once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

/** Probes Postgres with writes all the time, so work pauses while it takes none. */
export interface DatabaseHealth extends AsyncDisposable {
  isUp: () => boolean;
  /** A statement failed: Postgres counts as down until a write that begins later succeeds. */
  suspect: () => void;
  untilUp: (signal: AbortSignal) => Promise<void>;
}

export interface DatabaseHealthOptions {
  url: string;
  /** The service's name: the key of its row in `worker_probes`, and `<worker>-health` is its connection's name. */
  worker: string;
  onChange?: (isUp: boolean) => void;
}

const PROBE_MS = 1_000;
const PROBE_DOWN_MS = 250;
const TIMEOUT_MS = 5_000;

const PROBE = {
  name: 'probe',
  text: `insert into worker_probes (worker, probed_at) values ($1, now())
    on conflict (worker) do update set probed_at = excluded.probed_at`,
};

/** Postgres counts as down until the first probe succeeded. */
export function watchDatabase({ url, worker, onChange = () => undefined }: DatabaseHealthOptions): DatabaseHealth {
  const stop = new AbortController();
  const changes = new EventEmitter().setMaxListeners(0);
  const probe = createProbe(url, worker);
  let up = false;
  // A probe that began before the last suspicion proves nothing.
  let suspicions = 0;
  let hurry = new AbortController();
  const set = (isUp: boolean): void => {
    if (isUp === up) return;
    up = isUp;
    onChange(up);
    if (up) changes.emit('up');
  };
  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const before = suspicions;
      const isWritten = await probe.write();
      if (before === suspicions) set(isWritten);
      else continue;
      hurry = new AbortController();
      const signal = AbortSignal.any([stop.signal, hurry.signal]);
      await delay(up ? PROBE_MS : PROBE_DOWN_MS, undefined, { signal }).catch(() => undefined);
    }
    await probe.close();
  };
  const watching = watch();
  return {
    isUp: () => up,
    suspect: () => {
      // While down, the next probe is already scheduled: repeated failures must not postpone it.
      if (!up) return;
      suspicions++;
      set(false);
      hurry.abort();
    },
    untilUp: async (signal) => {
      while (!up && !signal.aborted) await once(changes, 'up', { signal }).catch(() => undefined);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}

/** On its own connection, so no load on a pool delays probes; replaces it when it fails. */
function createProbe(url: string, worker: string) {
  let open: Client | undefined;
  const connect = async (): Promise<Client> => {
    const client = new Client({
      connectionString: url,
      application_name: `${worker}-health`,
      connectionTimeoutMillis: TIMEOUT_MS,
      query_timeout: TIMEOUT_MS,
    });
    // The next probe notices a lost connection; an unheard error would end the process.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  return {
    write: async (): Promise<boolean> => {
      try {
        open ??= await connect();
        await open.query({ ...PROBE, values: [worker] });
        return true;
      } catch {
        // Not awaited: a server that hangs does not answer the end of a connection either.
        open?.end().catch(() => undefined);
        open = undefined;
        return false;
      }
    },
    close: async (): Promise<void> => {
      const ending = open?.end().catch(() => undefined);
      await Promise.race([ending, delay(TIMEOUT_MS, undefined, { ref: false })]);
    },
  };
}
