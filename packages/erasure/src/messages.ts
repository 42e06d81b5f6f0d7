import { JetStreamError, type JetStreamManager, jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import { decodeDeadLetter, decodeEvent, decodeResult, type EventMessage } from '@pressferry/contracts';
import { openEventBody } from '@pressferry/runtime';
import { openText } from './find.ts';
import type { EraseDeps } from './model.ts';
import type { Target } from './target.ts';

const BATCH = 256;
/** The server has no more messages of the subject. */
const NO_MESSAGE = 404;

/** Including events that may not be in Postgres yet. */
export interface InStreams {
  messages: number;
  requestIds: string[];
  unreadable: number;
}

/**
 * Erases a target's messages, and those of events `erased` in Postgres, from EVENTS, RESULTS and DEADLETTERS,
 * overwriting them on disk.
 */
export async function eraseMessages(
  target: Target,
  { nats, keyring }: EraseDeps,
  { erased, dryRun }: { erased: ReadonlySet<string>; dryRun: boolean },
): Promise<InStreams> {
  const manager = await jetstreamManager(nats, { checkAPI: false });
  const found: InStreams = { messages: 0, requestIds: [], unreadable: 0 };
  const ids = new Set<string>();
  const site = target.siteId ?? '*';
  const streams = (await manager.streams.names().next()).sort();
  // EVENTS first: dead letters and results are also found by the ids of its messages.
  for (const stream of streams.filter((name) => /^EVENTS(_\d+)?$/.test(name))) {
    for await (const message of read(manager, stream, `pf.event.*.${site}.>`)) {
      const verdict = judgeEvent(message.data, target, { keyring, erased });
      if (verdict === 'unreadable') found.unreadable++;
      if (typeof verdict !== 'object') continue;
      ids.add(verdict.requestId);
      found.messages++;
      if (!dryRun) await manager.streams.deleteMessage(stream, message.seq, true);
    }
  }
  const known = (requestId: string): boolean => target.kind === 'site' || ids.has(requestId) || erased.has(requestId);
  for await (const message of read(manager, 'DEADLETTERS', `pf.dead.*.${site}`)) {
    const letter = decodeOr(() => decodeDeadLetter(message.data));
    if (letter === null) continue;
    const verdict = letter.stage === 'enricher' ? judgeEvent(letter.message, target, { keyring, erased }) : 'other';
    if (typeof verdict !== 'object' && !known(letter.requestId)) continue;
    found.messages++;
    if (letter.requestId !== '') ids.add(letter.requestId);
    if (!dryRun) await manager.streams.deleteMessage('DEADLETTERS', message.seq, true);
  }
  for await (const message of read(manager, 'RESULTS', `pf.result.*.${site}`)) {
    const result = decodeOr(() => decodeResult(message.data));
    if (result === null || !known(result.requestId)) continue;
    found.messages++;
    if (!dryRun) await manager.streams.deleteMessage('RESULTS', message.seq, true);
  }
  found.requestIds = [...ids];
  return found;
}

/** Null if it does not belong to the target. */
function judgeEvent(
  bytes: Uint8Array,
  target: Target,
  { keyring, erased }: Pick<EraseDeps, 'keyring'> & { erased: ReadonlySet<string> },
): EventMessage | 'other' | 'unreadable' {
  const event = decodeOr(() => decodeEvent(bytes));
  if (event === null || event.requestId === '') return 'other';
  if (target.kind === 'site' || erased.has(event.requestId)) return event;
  if (target.kind === 'object') return event.objectRef === target.objectRef ? event : 'other';
  const text = openText(() => Buffer.from(openEventBody(keyring, event.body, event.requestId)).toString('utf8'));
  if (text === null) return 'unreadable';
  return target.names(text) ? event : 'other';
}

function decodeOr<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch {
    return null;
  }
}

/** Every message of a subject at the start of reading. */
async function* read(manager: JetStreamManager, stream: string, subject: string): AsyncGenerator<StoredMsg> {
  const { state } = await manager.streams.info(stream);
  for (let from = Math.max(1, state.first_seq); from <= state.last_seq; ) {
    let last = from - 1;
    try {
      const batch = await manager.direct.getBatch(stream, { seq: from, next_by_subj: subject, batch: BATCH });
      for await (const message of batch) {
        last = message.seq;
        yield message;
      }
    } catch (error) {
      if (!(error instanceof JetStreamError && 'code' in error && error.code === NO_MESSAGE)) throw error;
    }
    if (last < from) return;
    from = last + 1;
  }
}
