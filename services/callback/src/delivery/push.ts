import type { Keyring } from '@pressferry/runtime';
import { liveSecrets } from '@pressferry/sites';
import type { Claim } from '../db/claim.ts';
import type { Transport } from '../http/transport.ts';
import { type Decision, decide } from './decide.ts';
import type { PushableSite } from './pushable.ts';
import { readResultBody, signPush } from './sign.ts';

/** One attempt's end: the decision, the HTTP status where there was one, and an error's own code for the log. */
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

/** Opens, signs and sends one result, once, and decides on the answer. Rejects only where `signal` was aborted. */
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
  const result = openResult(claim, deps.keyring);
  if (result === null) return failed({ kind: 'retry', code: 'result_unreadable' });

  const push = signPush({ result, keys: [newest, ...older], sentAtMs, traceparent: how.traceparent });
  const answer = await deps.transport.send(url, push, how);
  // A secret may have expired while the site answered; it was live when it was asked.
  const decision = decide(answer, { resultId: claim.resultId, keys: [newest, ...older], nowMs: deps.now() });
  return answer.kind === 'fault'
    ? { decision, statusCode: null, detail: answer.detail }
    : { decision, statusCode: answer.status };
}

function callbackUrl(text: string, allowHttp: boolean): URL | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  return url.protocol === 'https:' || (allowHttp && url.protocol === 'http:') ? url : null;
}

function openResult(
  { sealedBody, resultId }: Claim,
  keyring: Pick<Keyring, 'open'>,
): ReturnType<typeof readResultBody> | null {
  try {
    return readResultBody(keyring.open(sealedBody, `result:${resultId}`), resultId);
  } catch {
    return null;
  }
}
