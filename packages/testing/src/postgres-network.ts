import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface PostgresNetwork extends AsyncDisposable {
  url: string;
  /** Holds up all replies, from the next statement on whose text or name has this word. */
  holdUpFrom: (word: string) => void;
  goOn: () => void;
  /** Present connections carry nothing more and are not closed; later ones work, as in a fail-over. */
  vanish: () => void;
}

export async function startPostgresNetwork(databaseUrl: string): Promise<PostgresNetwork> {
  const { port, hostname } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let present = new Set<Socket>();
  let heldFrom: string | undefined;
  let held: (() => void)[] | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const end = (): void => void [client, upstream].map((socket) => socket.destroy());
    for (const socket of [client, upstream]) sockets.add(socket.on('error', end).on('close', end));
    present.add(client);
    client.on('data', (bytes) => {
      if (!present.has(client)) return;
      if (heldFrom !== undefined && bytes.includes(heldFrom)) held ??= [];
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!present.has(client)) return;
      if (held === undefined) client.write(bytes);
      else held.push(() => void client.write(bytes));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: Object.assign(new URL(databaseUrl), { host: `127.0.0.1:${(server.address() as AddressInfo).port}` }).href,
    holdUpFrom: (word) => {
      heldFrom = word;
    },
    goOn: () => {
      for (const reply of held ?? []) reply();
      held = heldFrom = undefined;
    },
    vanish: () => {
      present = new Set();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
