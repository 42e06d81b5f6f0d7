import type { ServerResponse } from 'node:http';
import { PROBLEM_CONTENT_TYPE, PROBLEMS, problem } from '@pressferry/contracts';
import type { Refusal } from './refusal.ts';

/** Two years. Of this host alone: what else stands below it is not ours to decide. */
const HSTS = 'max-age=63072000';

/** Writes an answer whole, as JSON unless `headers` say otherwise; `secure` tells that the client came over TLS. */
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
  };
  for (const name in headers) fields[name] = headers[name] ?? '';
  if (secure) fields['strict-transport-security'] = HSTS;
  response.writeHead(status, fields);
  response.end(json);
}

const PROBLEM_HEADERS = { 'content-type': PROBLEM_CONTENT_TYPE };
const CHALLENGE_HEADERS = { ...PROBLEM_HEADERS, 'www-authenticate': 'Bearer' };

/** Writes a refusal as an RFC 9457 problem. */
export function sendRefusal(response: ServerResponse, refusal: Refusal, secure: boolean): void {
  const { refused, headers } = refusal;
  const [status] = PROBLEMS[refused];
  const own = status === 401 ? CHALLENGE_HEADERS : PROBLEM_HEADERS;
  send(response, status, problemJson(refusal), secure, headers === undefined ? own : { ...own, ...headers });
}

/** Problems that say nothing but their code, as text: an attack is answered with the same one over and over. */
const plain = new Map<Refusal['refused'], string>();

function problemJson({ refused, detail, errors }: Refusal): string {
  if (detail !== undefined || errors !== undefined) return JSON.stringify(problem(refused, detail, errors));
  const known = plain.get(refused);
  if (known !== undefined) return known;
  const json = JSON.stringify(problem(refused));
  plain.set(refused, json);
  return json;
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
