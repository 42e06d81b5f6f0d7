import { readFileSync } from 'node:fs';
import { connect, credsAuthenticator, type NatsConnection, type NodeConnectionOptions } from '@nats-io/transport-node';

export type { NatsConnection } from '@nats-io/transport-node';

export interface ConnectionOptions {
  /** One or more server URLs, separated by commas; the first may carry a token or `user:password` before its `@`. */
  url: string;
  /** Shown in the server's connection list. */
  name: string;
  /** Path of a credentials file, if the server asks for one. */
  credentialsFile?: string | undefined;
}

/** A connection that knows whether it is up, and is drained on disposal. */
export interface Connection extends AsyncDisposable {
  nats: NatsConnection;
  isConnected: () => boolean;
  /** The largest message, headers and all, that the server takes, in bytes; it may be another one after a reconnect. */
  maxPayload: () => number;
  /** Calls back at each loss of the connection. */
  onDisconnect: (listener: () => void) => void;
}

/**
 * Connects to NATS, waiting as long as it takes, and reconnects forever, also if the server refuses for a time what it took before.
 * Rejects only on credentials that are wrong at the start, or a malformed URL.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const settings: NodeConnectionOptions = {
    servers: options.url.split(','),
    name: options.name,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    // A server that is gone without a FIN is noticed within 10 s.
    pingInterval: 5_000,
    maxPingOut: 2,
    // Stack traces of each request cost more than the request.
    noAsyncTraces: true,
    ...credentialsIn(options.url),
    ...(options.credentialsFile === undefined
      ? {}
      : { authenticator: credsAuthenticator(readFileSync(options.credentialsFile)) }),
  };
  // A client that is to outlive refusals would not tell wrong credentials from a server that is down: this one tells.
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

/** The client itself ignores what a URL carries before its `@`. */
function credentialsIn(urls: string): Pick<NodeConnectionOptions, 'token' | 'user' | 'pass'> {
  const first = urls.split(',')[0] ?? '';
  if (!first.includes('@') || !URL.canParse(first)) return {};
  const [user, pass] = [new URL(first).username, new URL(first).password].map(decodeURIComponent);
  return pass ? { user: user ?? '', pass } : { token: user ?? '' };
}
