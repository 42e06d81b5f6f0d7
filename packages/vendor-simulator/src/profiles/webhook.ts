import type { Answer, Call, ErrorDetail, VendorEndpoint } from '../endpoints.ts';
import { member } from '../json.ts';

/** Slack's incoming webhook: the address is the credential, answers and errors are words. */
export const webhook: VendorEndpoint = {
  method: 'POST',
  path: '/slack/services/:team/:bot/:token',
  answer: post,
  error: (status, { code }: ErrorDetail = {}) => said(status, code ?? ERRORS[status] ?? 'rollup_error'),
};

const ERRORS: Record<number, string> = {
  400: 'invalid_payload',
  403: 'action_prohibited',
  404: 'channel_not_found',
  410: 'channel_is_archived',
  429: 'rate_limited',
};

function post({ body, params }: Call): Answer {
  if (params.team === 'absent') return said(404, 'no_team');
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return said(400, 'invalid_payload');
  const [text, blocks, attachments] = ['text', 'blocks', 'attachments'].map((name) => member(body, name));
  const isText = typeof text === 'string' && text.trim() !== '';
  if (!isText && !Array.isArray(blocks) && !Array.isArray(attachments)) return said(400, 'no_text');
  if (Array.isArray(blocks) && blocks.some((block) => typeof member(block, 'type') !== 'string'))
    return said(400, 'invalid_blocks');
  return said(200, 'ok');
}

const said = (status: number, word: string): Answer => ({
  status,
  headers: { 'content-type': 'text/html', ...(status === 429 ? { 'retry-after': '1' } : {}) },
  chunks: [word],
  effect: status === 200,
});
