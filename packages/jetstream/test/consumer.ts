import { jetstreamManager } from '@nats-io/jetstream';
import type { ConsumerDefinition, StreamDefinition } from '@pressferry/contracts';
import { startTestNats } from '@pressferry/testing';
import {
  applyStreams,
  type Connection,
  type ConsumeOptions,
  consume,
  type Delivered,
  type Outcome,
  openConnection,
} from '../src/index.ts';

/** A NATS server and a connection to it. */
export async function openBroker() {
  await using opened = new AsyncDisposableStack();
  const nats = opened.use(await startTestNats());
  const connection = opened.use(await openConnection({ url: nats.url, name: 'test' }));
  const resources = opened.move();
  return { nats, connection, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

/** A test that is not about it outlasts a pause of its process: nothing is delivered again. */
const ACK_WAIT_MS = 30_000;
let streams = 0;

/** A stream of its own, and a consumer of it that runs until it is disposed of. */
export async function startConsumer(
  connection: Connection,
  handle: (message: Delivered) => Promise<Outcome>,
  { ackWaitMs = ACK_WAIT_MS, ...options }: Partial<ConsumeOptions> & { ackWaitMs?: number } = {},
) {
  const name = `T${++streams}`;
  const stream: StreamDefinition = {
    name,
    description: name,
    subjects: [`${name}.>`],
    storage: 'file',
    discard: 'new',
    replicas: 1,
    maxAgeMs: 3_600_000,
    duplicateWindowMs: 60_000,
  };
  const definition: ConsumerDefinition = {
    stream: name,
    name: 'worker',
    description: name,
    ackWaitMs,
    maxDeliver: -1,
    maxAckPending: 1_000,
  };
  await applyStreams(connection.nats, [stream], [definition]);
  const manager = await jetstreamManager(connection.nats);
  const stop = new AbortController();
  const interruptions: unknown[] = [];
  const started: ConsumeOptions = {
    definition,
    concurrency: 4,
    signal: stop.signal,
    onInterruption: (error) => void interruptions.push(error),
    ...options,
  };
  const running = consume(connection, handle, started);
  return {
    manager,
    stream: name,
    started,
    interruptions,
    running,
    send: (text: string, group = 'message') => connection.nats.publish(`${name}.${group}`, text),
    state: () => manager.consumers.info(name, 'worker'),
    stop: () => stop.abort(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

export const textOf = ({ data }: Delivered): string => Buffer.from(data).toString();
export const done: Outcome = { kind: 'done' };
