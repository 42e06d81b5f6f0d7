import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DeadLetterSchema } from './gen/pressferry/v1/dead_letter_pb.ts';
import { EventSchema, Mode } from './gen/pressferry/v1/event_pb.ts';
import { ResultSchema } from './gen/pressferry/v1/result_pb.ts';

/** How an accepted event is handled: `dry_run` is recorded and calls no vendor. */
export type EventMode = 'live' | 'dry_run';

/** An accepted event as it travels on EVENTS; `body` is the request body byte for byte, sealed unless the operator switched that off. */
export interface EventMessage {
  requestId: string;
  siteId: string;
  eventType: string;
  objectRef: string;
  idempotencyKey: string;
  receivedAtMs: number;
  body: Uint8Array;
  mode: EventMode;
}

/** The header of a message of RESULTS that begins a dead delivery again; its value is a nonce, and each nonce does so once. */
export const REPLAY_HEADER = 'Pf-Replay';

/** A finished run on RESULTS; its output stays sealed in Postgres. */
export interface ResultMessage {
  resultId: string;
  runId: string;
  requestId: string;
  siteId: string;
  completedAtMs: number;
}

/** A message given up, on DEADLETTERS. */
export interface DeadLetterMessage {
  stage: 'enricher' | 'callback';
  siteId: string;
  requestId: string;
  runId: string;
  reason: string;
  deadAtMs: number;
  stream: string;
  streamSequence: number;
  subject: string;
  message: Uint8Array;
  /** How often it was tried; 0 if the writer did not know. */
  tries: number;
}

const toMs = (timestamp: Parameters<typeof timestampDate>[0] | undefined): number =>
  timestamp === undefined ? 0 : timestampDate(timestamp).getTime();

export function encodeEvent(event: EventMessage): Uint8Array {
  const { receivedAtMs, mode, ...rest } = event;
  const init = {
    ...rest,
    receivedAt: timestampFromMs(receivedAtMs),
    mode: mode === 'live' ? Mode.LIVE : Mode.DRY_RUN,
  };
  return toBinary(EventSchema, create(EventSchema, init));
}

/** Throws if the bytes are not an event. */
export function decodeEvent(bytes: Uint8Array): EventMessage {
  const { requestId, siteId, eventType, objectRef, idempotencyKey, receivedAt, body, mode } = fromBinary(
    EventSchema,
    bytes,
  );
  return {
    requestId,
    siteId,
    eventType,
    objectRef,
    idempotencyKey,
    receivedAtMs: toMs(receivedAt),
    body,
    // What an older or newer sender left unsaid must never call a vendor by mistake.
    mode: mode === Mode.LIVE ? 'live' : 'dry_run',
  };
}

export function encodeResult(result: ResultMessage): Uint8Array {
  const { completedAtMs, ...rest } = result;
  return toBinary(ResultSchema, create(ResultSchema, { ...rest, completedAt: timestampFromMs(completedAtMs) }));
}

/** Throws if the bytes are not a result. */
export function decodeResult(bytes: Uint8Array): ResultMessage {
  const { resultId, runId, requestId, siteId, completedAt } = fromBinary(ResultSchema, bytes);
  return { resultId, runId, requestId, siteId, completedAtMs: toMs(completedAt) };
}

export function encodeDeadLetter(letter: DeadLetterMessage): Uint8Array {
  const { deadAtMs, streamSequence, ...rest } = letter;
  const init = { ...rest, deadAt: timestampFromMs(deadAtMs), streamSequence: BigInt(streamSequence) };
  return toBinary(DeadLetterSchema, create(DeadLetterSchema, init));
}

/** Throws if the bytes are not a dead letter. */
export function decodeDeadLetter(bytes: Uint8Array): DeadLetterMessage {
  const letter = fromBinary(DeadLetterSchema, bytes);
  return {
    stage: letter.stage === 'callback' ? 'callback' : 'enricher',
    siteId: letter.siteId,
    requestId: letter.requestId,
    runId: letter.runId,
    reason: letter.reason,
    deadAtMs: toMs(letter.deadAt),
    stream: letter.stream,
    streamSequence: Number(letter.streamSequence),
    subject: letter.subject,
    message: letter.message,
    tries: letter.tries,
  };
}
