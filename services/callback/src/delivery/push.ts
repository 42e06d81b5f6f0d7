import type { Keyring } from '@pressferry/runtime';
import { liveSecrets } from '@pressferry/sites';
import type { Claim } from '../db/claim.ts';
import type { Transport } from '../http/transport.ts';
import { type Decision, decide } from './decide.ts';
import type { PushableSite } from './pushable.ts';
import { readResultBody, signPush } from './sign.ts';

/** The decision, the HTTP status if there was one, and an error code for the log. */
export interface Pushed {
  decision: Decision;
  statusCode: number | null;
  detail?: string;
}

export interface PushDeps {
  keyring: Pick<Keyring, 'open'>;
  transport: Pick<Transport, 'send'>;
  allowHttp: boolean;
  now: () => number;
}

/** Opens, signs and sends one result once, and decides on the answer. Rejects only if `signal` was aborted. */
export async function pushResult(
  claim: Claim,
  site: PushableSite,
  how: { traceparent: string | undefined; signal: AbortSignal; timeoutMs: number },
  deps: PushDeps,
): Promise<Pushed> {
  const failed = (decision: Decision): Pushed => ({ decision, statusCode: null });
  const url = callbackUrl(site.callbackUrl, deps.allowHttp);
  if (url === null) return failed({ kind: 'retry', code: 'callback_url_refused' });
  const sentAtMs = deps.now();
  const [newest, ...older] = liveSecrets(site, sentAtMs);
  if (newest === undefined) return failed({ kind: 'retry', code: 'secret_missing' });
  const json = openResult(claim, deps.keyring);
  if (json === null) return failed({ kind: 'retry', code: 'result_unreadable' });

  const push = signPush({
    json,
    resultId: claim.resultId,
    keys: [newest, ...older],
    sentAtMs,
    traceparent: how.traceparent,
  });
  const answer = await deps.transport.send(url, push, how);
  // A secret that expired while the site answered still counts: it was live when the site was asked.
  const decision = decide(answer, { resultId: claim.resultId, keys: [newest, ...older], nowMs: deps.now() });
  return answer.kind === 'fault'
    ? { decision, statusCode: null, detail: answer.detail }
    : { decision, statusCode: answer.status };
}

const parsed = new Map<string, URL | null>();
const MAX_PARSED = 10_000;

function callbackUrl(text: string, allowHttp: boolean): URL | null {
  let url = parsed.get(text);
  if (url === undefined) {
    if (parsed.size >= MAX_PARSED) parsed.clear();
    url = URL.parse(text);
    parsed.set(text, url);
  }
  if (url === null) return null;
  return url.protocol === 'https:' || (allowHttp && url.protocol === 'http:') ? url : null;
}

function openResult({ sealedBody, resultId }: Claim, keyring: Pick<Keyring, 'open'>): string | null {
  try {
    return readResultBody(keyring.open(sealedBody, `result:${resultId}`), resultId);
  } catch {
    return null;
  }
}
