import type { Attributes } from '@opentelemetry/api';

/**
 * What the instrumentation would say of a request, and a span may not: where it came from, and texts that a client is free in, which
 * may hold a secret or a person's data. Method, scheme and status remain; the log line of the trace says what else may be known.
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

// An attribute without a value is none: if the instrumentation's hook returns it, it replaces the collected value.
const WITHHELD: Attributes = Object.fromEntries(NAMES.map((name) => [name, undefined]));

/** A hook of the instrumentation, called before a span begins. */
export const withhold = (): Attributes => WITHHELD;
