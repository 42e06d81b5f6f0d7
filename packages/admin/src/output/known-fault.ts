/** By the code of the system or of Postgres. Only calls to Postgres fail without an error text of their own. */
const OF_DATABASE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Postgres does not answer: is DATABASE_URL right?',
  ENOTFOUND: 'the host of DATABASE_URL has no address',
  EAI_AGAIN: 'the host of DATABASE_URL has no address',
  ETIMEDOUT: 'Postgres does not answer: is DATABASE_URL right?',
  ECONNRESET: 'Postgres closed the connection: try again',
  '28P01': 'Postgres refuses the role or the password of DATABASE_URL',
  '28000': 'Postgres refuses the role or the password of DATABASE_URL',
  '3D000': 'there is no such database as DATABASE_URL names',
  '42P01': 'the database has not the schema of this release: pressferry migrate',
  '42703': 'the database has not the schema of this release: pressferry migrate',
  '42501': 'the role of DATABASE_URL may not do this',
  '25006': 'DATABASE_URL leads to a Postgres that is read only: a standby, or one that was set so',
  '53300': 'Postgres has no connection left: close some, or raise max_connections',
  '57P01': 'Postgres is shutting down: try again once it is back',
  '57P03': 'Postgres is starting or stopping: try again',
};

/** By the name of the client's error. */
const OF_NATS: Readonly<Record<string, string>> = {
  AuthorizationError: 'NATS refuses the credentials of NATS_URL or NATS_CREDENTIALS',
  UserAuthenticationExpiredError: 'NATS refuses the credentials of NATS_CREDENTIALS: they have ended',
  PermissionViolationError: 'the user of NATS_URL or NATS_CREDENTIALS may not do this',
  StreamNotFoundError: 'the stream is not there: pressferry streams apply',
  ConsumerNotFoundError: 'the consumer is not there: pressferry streams apply',
  JetStreamNotEnabled: 'the NATS of NATS_URL runs without JetStream',
  NoRespondersError: 'JetStream does not answer: has its stream a leader? nats stream report',
  TimeoutError: 'NATS did not answer in time: pressferry doctor',
  JetStreamApiError: 'JetStream refuses it',
};

/** The remedy for a known fault of Postgres or NATS. */
export function knownFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  const known = OF_DATABASE[code] ?? OF_NATS[error.name] ?? OF_NATS[error.constructor.name];
  return known === undefined ? undefined : `${known}\n  because: ${error.message}`;
}
