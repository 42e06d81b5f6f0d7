import type { Attributes } from '@opentelemetry/api';

/**
 * Attributes that may hold a secret or personal data: the request's origin and texts that a client chooses. Method,
 * scheme and status remain.
 */
const NAMES = [
  'client.address',
  'network.peer.address',
  'network.peer.port',
  'server.address',
  'server.port',
  'user_agent.original',
  'http.request.method_original',
  'url.path',
  'url.query',
];

// An undefined attribute replaces the collected value.
const WITHHELD: Attributes = Object.fromEntries(NAMES.map((name) => [name, undefined]));

/** A hook of the instrumentation, called before a span begins. */
export const withhold = (): Attributes => WITHHELD;
