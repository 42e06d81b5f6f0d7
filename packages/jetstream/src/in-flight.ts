import type { JsMsg } from '@nats-io/jetstream';

/** What a handler decided about a message. */
export type Outcome =
  | { kind: 'done' }
  /** Give it back, to be delivered again after `delayMs`, here or elsewhere. */
  | { kind: 'retry'; delayMs: number; reason: string }
  /** Never deliver again: it was recorded elsewhere, or can never be handled. */
  | { kind: 'drop'; reason: string };

/** A message as a handler sees it. */
export interface Delivered {
  stream: string;
  subject: string;
  sequence: number;
  /** 1 at the first delivery. */
  delivery: number;
  data: Uint8Array;
  header: (name: string) => string | undefined;
}

export interface InFlightOptions {
  limit: number;
  /** A message in flight is told to be in work three times in this time. */
  ackWaitMs: number;
  handle: (message: Delivered) => Promise<Outcome>;
  /** True for a message that is handled while no other is, because it may be what kills its worker. */
  isSuspect: (message: Delivered) => boolean;
  onError: (error: unknown) => void;
}

interface Held {
  /** The latest delivery of it, which is the one to acknowledge. */
  message: JsMsg;
  delivered: Delivered;
}

/**
 * The messages that a process has been given and has not settled: handled at once, and kept from being delivered again for however long
 * that takes. A message that is delivered again anyway, say after a restart of the server, is not handled twice.
 */
export class InFlightMessages implements AsyncDisposable {
  readonly #options: InFlightOptions;
  readonly #held = new Map<number, Held>();
  readonly #suspects: Held[] = [];
  readonly #timer: NodeJS.Timeout;
  #handling = 0;
  #isSuspectInWork = false;
  #changed = Promise.withResolvers<void>();

  constructor(options: InFlightOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#keepAll(), options.ackWaitMs / 3);
  }

  /** How many more messages may be taken. */
  room(): number {
    return this.#options.limit - this.#held.size;
  }

  /** Resolves once half of the places are free and no suspect waits, or when `signal` is aborted. */
  async untilRoom(signal: AbortSignal): Promise<void> {
    const change = (): void => this.#change();
    signal.addEventListener('abort', change, { once: true });
    while (!signal.aborted && (this.#held.size > this.#options.limit / 2 || this.#suspects.length > 0)) {
      await this.#changed.promise;
    }
    signal.removeEventListener('abort', change);
  }

  take(message: JsMsg): void {
    const known = this.#held.get(message.seq);
    if (known !== undefined) {
      known.message = message;
      return;
    }
    const held: Held = { message, delivered: toDelivered(message) };
    this.#held.set(message.seq, held);
    if (this.#options.isSuspect(held.delivered) || this.#isSuspectInWork) {
      this.#suspects.push(held);
      this.#nextSuspect();
    } else void this.#work(held);
  }

  /** Resolves once nothing is in flight; nothing must be taken any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#held.size > 0) await this.#changed.promise;
    clearInterval(this.#timer);
  }

  async #work(held: Held): Promise<void> {
    const { handle, onError } = this.#options;
    this.#handling++;
    const outcome = await handle(held.delivered).catch((error: unknown): Outcome => {
      onError(error);
      const delayMs = 1_000 * Math.min(2 ** held.delivered.delivery, 60);
      return { kind: 'retry', delayMs, reason: 'handler_failed' };
    });
    settle(held.message, outcome);
    this.#handling--;
    this.#held.delete(held.delivered.sequence);
    this.#change();
    this.#nextSuspect();
  }

  #nextSuspect(): void {
    if (this.#handling > 0) return;
    const next = this.#suspects.shift();
    this.#isSuspectInWork = next !== undefined;
    if (next !== undefined) void this.#work(next);
  }

  #keepAll(): void {
    for (const { message } of this.#held.values()) message.working();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function settle(message: JsMsg, outcome: Outcome): void {
  if (outcome.kind === 'done') message.ack();
  else if (outcome.kind === 'retry') message.nak(outcome.delayMs);
  else message.term(outcome.reason);
}

const toDelivered = (message: JsMsg): Delivered => ({
  stream: message.info.stream,
  subject: message.subject,
  sequence: message.seq,
  delivery: message.info.deliveryCount,
  data: message.data,
  header: (name) => message.headers?.get(name) || undefined,
});
