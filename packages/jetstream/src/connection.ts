import { readFileSync } from 'node:fs';
import { connect, credsAuthenticator, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';

export type { NatsConnection } from '@nats-io/transport-node';

export interface ConnectionOptions {
  /** Server URLs, separated by commas; the first may carry a token or `user:password` before its `@`. */
  url: string;
  name: string;
  credentialsFile?: string | undefined;
}

/** Drained on disposal. */
export interface Connection extends AsyncDisposable {
  nats: NatsConnection;
  isConnected: () => boolean;
  /** The server's largest message with headers, in bytes; a reconnect may change it. */
  maxPayload: () => number;
  onDisconnect: (listener: () => void) => void;
}

/**
 * Waits for NATS without a limit and reconnects forever. Rejects only on credentials that are wrong at the start, or a
 * malformed URL.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const settings: NodeConnectionOptions = {
    servers: options.url.split(','),
    name: options.name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    // Notices within 10 s a server that is gone without a FIN.
    pingInterval: 5_000,
    maxPingOut: 2,
    // Stack traces of each request cost more than the request.
    noAsyncTraces: true,
    ...credentialsIn(options.url),
    ...(options.credentialsFile === undefined
      ? {}
      : { authenticator: credsAuthenticator(readFileSync(options.credentialsFile)) }),
  };
  // A connection that outlives refusals cannot tell wrong credentials from a server that is down; this one can.
  await (await connect(settings)).close();
  const nats = await connect({ ...settings, ignoreAuthErrorAbort: true });
  let connected = true;
  const listeners: (() => void)[] = [];
  const follow = async (): Promise<void> => {
    for await (const { type } of nats.status()) {
      if (type === 'disconnect') {
        connected = false;
        for (const listener of listeners) listener();
      }
      if (type === 'reconnect') connected = true;
    }
  };
  void follow();
  return {
    nats,
    isConnected: () => connected && !nats.isClosed(),
    maxPayload: () => nats.info?.max_payload ?? 0,
    onDisconnect: (listener) => void listeners.push(listener),
    async [Symbol.asyncDispose]() {
      // Draining a lost connection would wait for it to come back.
      await (connected ? nats.drain() : nats.close()).catch(() => nats.close());
    },
  };
}

/** The client ignores what a URL carries before its `@`. */
function credentialsIn(urls: string): Pick<NodeConnectionOptions, 'token' | 'user' | 'pass'> {
  const first = urls.split(',')[0] ?? '';
  if (!first.includes('@') || !URL.canParse(first)) return {};
  const [user, pass] = [new URL(first).username, new URL(first).password].map(decodeURIComponent);
  return pass ? { user: user ?? '', pass } : { token: user ?? '' };
}
