/** Why no answer came, by phase: name, connection, answer. */
export const OUTBOUND_FAULTS = [
  'address_refused',
  'dns_failed',
  'connect_failed',
  'connect_timeout',
  'tls_failed',
  'connection_lost',
  'answer_timeout',
] as const;
export type OutboundFault = (typeof OUTBOUND_FAULTS)[number];

const TLS_CODE = /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|INVALID_CA)/;
const DNS_CODES = ['DNS_FAILED', 'ENOTFOUND', 'EAI_AGAIN'];
const CONNECT_CODES = [
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EACCES',
  'EINVAL',
  'EAFNOSUPPORT',
];

export function faultOf(error: unknown, isTimedOut: boolean): { code: OutboundFault; detail: string } {
  const detail = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
  if (detail === 'ADDRESS_REFUSED') return { code: 'address_refused', detail };
  if (DNS_CODES.includes(detail)) return { code: 'dns_failed', detail };
  if (detail === 'UND_ERR_CONNECT_TIMEOUT' || detail === 'ETIMEDOUT') return { code: 'connect_timeout', detail };
  if (isTimedOut) return { code: 'answer_timeout', detail };
  if (TLS_CODE.test(detail)) return { code: 'tls_failed', detail };
  if (CONNECT_CODES.includes(detail)) return { code: 'connect_failed', detail };
  return { code: 'connection_lost', detail };
}
