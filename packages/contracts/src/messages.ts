import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampDate, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DeadLetterSchema } from './gen/pressferry/v1/dead_letter_pb.ts';
import { EventSchema, Mode } from './gen/pressferry/v1/event_pb.ts';
import { ResultSchema } from './gen/pressferry/v1/result_pb.ts';

export type EventMode = 'live' | 'dry_run';

/** On EVENTS; `body` is the request body byte for byte, sealed unless the operator switched that off. */
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

/** On a RESULTS message that restarts a dead delivery; its value is a nonce that works once. */
export const REPLAY_HEADER = 'Pf-Replay';

/** On RESULTS; the output stays sealed in Postgres. */
export interface ResultMessage {
  resultId: string;
  runId: string;
  requestId: string;
  siteId: string;
  completedAtMs: number;
}

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
  /** 0 if unknown. */
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
    // An unknown mode must never call a vendor by mistake.
    mode: mode === Mode.LIVE ? 'live' : 'dry_run',
  };
}

export function encodeResult(result: ResultMessage): Uint8Array {
  const { completedAtMs, ...rest } = result;
  return toBinary(ResultSchema, create(ResultSchema, { ...rest, completedAt: timestampFromMs(completedAtMs) }));
}

export function decodeResult(bytes: Uint8Array): ResultMessage {
  const { resultId, runId, requestId, siteId, completedAt } = fromBinary(ResultSchema, bytes);
  return { resultId, runId, requestId, siteId, completedAtMs: toMs(completedAt) };
}

export function encodeDeadLetter(letter: DeadLetterMessage): Uint8Array {
  const { deadAtMs, streamSequence, ...rest } = letter;
  const init = { ...rest, deadAt: timestampFromMs(deadAtMs), streamSequence: BigInt(streamSequence) };
  return toBinary(DeadLetterSchema, create(DeadLetterSchema, init));
}

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
