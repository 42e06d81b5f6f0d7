import type { JsMsg } from '@nats-io/jetstream';
import { FairQueue } from './fair-queue.ts';

export type Outcome =
  | { kind: 'done' }
  /** Redeliver after `delayMs`, here or elsewhere. */
  | { kind: 'retry'; delayMs: number; reason: string }
  /** Never redeliver: it was recorded elsewhere, or can never be handled. */
  | { kind: 'drop'; reason: string };

export interface Delivered {
  stream: string;
  subject: string;
  sequence: number;
  /** From 1. */
  delivery: number;
  data: Uint8Array;
  header: (name: string) => string | undefined;
}

export interface InFlightOptions {
  limit: number;
  /** Of the limit, the places that only groups with nothing in flight may take. */
  kept: number;
  /** Bound of messages held, handled or waiting, and of their bytes. */
  window: Window;
  /** A group's messages are handled in order; groups take turns. */
  groupOf: (message: Pick<Delivered, 'subject'>) => string;
  /** The server redelivers after this time without a sign of work; it gets three such signs meanwhile. */
  ackWaitMs: number;
  handle: (message: Delivered) => Promise<Outcome>;
  /** A suspect message is handled alone, because it may be what kills its worker. */
  isSuspect: (message: Delivered) => boolean;
  onError: (error: unknown) => void;
}

export interface Window {
  messages: number;
  bytes: number;
}

interface Held {
  message: JsMsg;
  group: string;
  size: number;
  /** When to send the server the next sign of work, by `performance.now()`. */
  tellAtMs: number;
}

/** A pull's bound, so replicas share a backlog and large messages overshoot the window by little. */
const MOST_AT_ONCE = 128;
/** Share of the window's bytes. */
const FULL_FROM = 7 / 8;
/** Checks per acknowledgement wait for signs of work that are due. */
const LOOKS = 48;

/**
 * Messages that a process holds and has not settled, some handled, others waiting by group. All are kept from
 * redelivery. A message that is redelivered anyway, say after a restart of the server, is not handled twice.
 */
export class InFlightMessages implements AsyncDisposable {
  readonly #options: InFlightOptions;
  readonly #held = new Map<number, Held>();
  readonly #waiting = new FairQueue<Held>();
  readonly #byGroup = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #bytes = 0;
  #largest = 1;
  #handling = 0;
  #isHandlingSuspect = false;
  #changed = Promise.withResolvers<void>();

  constructor(options: InFlightOptions) {
    this.#options = options;
  }

  /** Size of the next pull; call it only if there is room. */
  nextPull(): number {
    const { messages, bytes } = this.#options.window;
    const byBytes = Math.max(1, Math.floor((bytes - this.#bytes) / this.#largest));
    this.#largest = 1;
    return Math.min(MOST_AT_ONCE, messages - this.#held.size, byBytes);
  }

  /** Resolves once a pull is worthwhile, or when `signal` is aborted. */
  async untilRoom(signal: AbortSignal): Promise<void> {
    const change = (): void => this.#change();
    signal.addEventListener('abort', change, { once: true });
    const { messages, bytes } = this.#options.window;
    const most = messages - Math.min(MOST_AT_ONCE, messages / 2);
    while (!signal.aborted && (this.#held.size > most || this.#bytes > bytes * FULL_FROM)) await this.#changed.promise;
    signal.removeEventListener('abort', change);
  }

  take(message: JsMsg): void {
    const known = this.#held.get(message.seq);
    if (known !== undefined) {
      known.message = message;
      return;
    }
    const size = message.data.length;
    const group = this.#options.groupOf(message);
    const held: Held = { message, group, size, tellAtMs: this.#tellAtMs(message.seq) };
    this.#held.set(message.seq, held);
    this.#timer ??= setInterval(() => this.#tellAll(), this.#options.ackWaitMs / LOOKS);
    this.#bytes += size;
    this.#largest = Math.max(this.#largest, size);
    this.#waiting.add(group, held);
    this.#deal();
  }

  /** Gives back waiting messages and resolves once none is handled; nothing may be added afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (let next = this.#waiting.take(); next !== undefined; next = this.#waiting.take()) {
      next.message.nak();
      this.#letGo(next);
    }
    while (this.#held.size > 0) await this.#changed.promise;
  }

  #deal(): void {
    const { limit, kept } = this.#options;
    while (this.#handling < limit && !this.#isHandlingSuspect) {
      const isKept = this.#handling >= limit - kept;
      const isEligible = (group: string): boolean => !isKept || !this.#byGroup.has(group);
      const next = this.#waiting.peek(isEligible);
      if (next === undefined) return;
      const delivered = toDelivered(next.message);
      const isSuspect = this.#options.isSuspect(delivered);
      if (isSuspect && this.#handling > 0) return;
      this.#waiting.take(isEligible);
      this.#isHandlingSuspect = isSuspect;
      void this.#work(next, delivered);
    }
  }

  async #work(held: Held, delivered: Delivered): Promise<void> {
    const { handle, onError } = this.#options;
    this.#count(held.group, 1);
    const outcome = await handle(delivered).catch((error: unknown): Outcome => {
      onError(error);
      const delayMs = 1_000 * Math.min(2 ** delivered.delivery, 60);
      return { kind: 'retry', delayMs, reason: 'handler_failed' };
    });
    acknowledge(held.message, outcome);
    this.#count(held.group, -1);
    this.#isHandlingSuspect = false;
    this.#letGo(held);
    this.#deal();
  }

  #count(group: string, change: 1 | -1): void {
    this.#handling += change;
    const count = (this.#byGroup.get(group) ?? 0) + change;
    if (count === 0) this.#byGroup.delete(group);
    else this.#byGroup.set(group, count);
  }

  #letGo(held: Held): void {
    this.#held.delete(held.message.seq);
    this.#bytes -= held.size;
    if (this.#held.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#change();
  }

  #tellAll(): void {
    const nowMs = performance.now();
    for (const held of this.#held.values()) {
      if (held.tellAtMs > nowMs) continue;
      held.message.working();
      held.tellAtMs = this.#tellAtMs(held.message.seq);
    }
  }

  /** Spreads the signs of messages that came together: thousands at once would block everything else. */
  #tellAtMs(sequence: number): number {
    const spread = (sequence % 16) / 16;
    return performance.now() + (this.#options.ackWaitMs / 12) * (3 + spread * 0.75);
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function acknowledge(message: JsMsg, outcome: Outcome): void {
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
