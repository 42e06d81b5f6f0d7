import type { ServerResponse } from 'node:http';
import { PROBLEM_CONTENT_TYPE, PROBLEMS, problem } from '@pressferry/contracts';
import type { Refusal } from '../ingest/outcome.ts';

/** Two years. Of this host alone: what else stands below it is not ours to decide. */
const HSTS = 'max-age=63072000';

/** Writes an answer whole, as JSON; `secure` tells that the client came over TLS. */
export function send(
  response: ServerResponse,
  status: number,
  json: string,
  secure: boolean,
  headers?: Readonly<Record<string, string>>,
): void {
  const fields: Record<string, string | number> = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  };
  if (secure) fields['strict-transport-security'] = HSTS;
  response.writeHead(status, fields);
  response.end(json);
}

/** Writes a refusal as an RFC 9457 problem. */
export function sendRefusal(response: ServerResponse, refusal: Refusal, secure: boolean): void {
  const [status] = PROBLEMS[refusal.refused];
  const headers: Record<string, string> = { 'content-type': PROBLEM_CONTENT_TYPE, ...refusal.headers };
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  send(response, status, JSON.stringify(problem(refusal.refused, refusal.detail, refusal.errors)), secure, headers);
}

/** A refusal in its raw form, for a connection that has no response to write on: the request was no HTTP. */
export function rawRefusal(code: Refusal['refused'], secure: boolean): string {
  const body = JSON.stringify(problem(code));
  const [status] = PROBLEMS[code];
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Refused'}`,
    `content-type: ${PROBLEM_CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
    ...(secure ? [`strict-transport-security: ${HSTS}`] : []),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};
