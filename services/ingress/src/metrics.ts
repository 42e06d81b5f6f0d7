import { PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import { type Declare, declareMetrics, type LabelValues } from '@pressferry/runtime';
import type { Registry } from 'prom-client';
import { AUTH_FAILURES, type AuthFailure, type AuthFailureCounts, createAuthFailureCounts } from './auth-failures.ts';
import { OUTCOME_WORDS, type OutcomeWord } from './model.ts';

export interface Metrics {
  /** Connects the gauges of an opened part; they are 0 before. */
  show: (readings: Partial<Readings>) => void;
  /** `registeredSiteId` if the request claims to come from a registered site. */
  handled: (outcome: OutcomeWord, seconds: number, registeredSiteId?: string) => void;
  published: (stream: 'events' | 'replay', seconds: number) => void;
  replay: (use: 'fresh' | 'replayed' | 'unavailable') => void;
  limited: (scope: 'ip' | 'site', decision: 'allowed' | 'asked' | 'refused') => void;
  reloaded: (what: 'certificate' | 'catalogue', outcome: 'changed' | 'refused') => void;
  /** The end of the certificate in force, in seconds since the epoch. */
  certificate: (expiresAtSeconds: number) => void;
  registryFault: () => void;
}

/** Read at each scrape. */
export interface Readings {
  inFlight: () => number;
  refusalsKeptBack: () => number;
  bufferedBytes: () => number;
  connections: () => number;
  publishesPending: () => number;
  sites: () => number;
  faultySites: () => number;
  /** Seconds since the sites in memory were last proven current. */
  registryAge: () => number;
  eventTypes: () => number;
  /** This replica's share of each limit, 0 to 1. */
  limitShare: () => number;
  limitKeys: () => number;
}

const PREFIX = 'pressferry_ingress_';

const FAILURE_OF: Partial<Record<OutcomeWord, AuthFailure>> = {
  signature_mismatch: 'signature',
  token_algorithm_refused: 'token',
  token_key_unknown: 'token',
  token_signature_invalid: 'token',
  token_claims_invalid: 'token',
  token_issuer_mismatch: 'token',
  token_audience_mismatch: 'token',
  // A token outside its lifetime is more often a wrong clock than a forger, and has its own alert.
  token_lifetime_too_long: 'token',
  token_replayed: 'replay',
};

export function createMetrics(registry: Registry, now: () => number = Date.now): Metrics {
  const declare = declareMetrics(registry, PREFIX);
  const { counter } = declare;
  const durations = <L extends string>(name: string, help: string, labels: LabelValues<L>) =>
    declare.histogram(name, help, labels, BUCKETS);
  const requests = counter('requests_total', 'Requests, by what they were answered', { outcome: OUTCOME_WORDS });
  const requestSeconds = durations('request_seconds', 'Duration, from head to answer', {
    outcome: [...new Set(OUTCOME_WORDS.map(outcomeClass))],
  });
  const publishSeconds = durations('publish_seconds', 'Duration of an acknowledged write', {
    stream: ['events', 'replay'],
  });
  const refusals = counter('site_refusals_total', 'Requests in the name of a registered site that were not believed', {
    reason: AUTH_FAILURES,
  });
  const replay = counter('replay_checks_total', 'Token ids looked up in the replay store', {
    outcome: ['fresh', 'replayed', 'unavailable'],
  });
  const limits = counter('limit_decisions_total', 'Decisions of the rate limits', {
    scope: ['ip', 'site'],
    decision: ['allowed', 'asked', 'refused'],
  });
  const reloads = counter('reloads_total', 'Certificates and catalogues read again', {
    what: ['certificate', 'catalogue'],
    outcome: ['changed', 'refused'],
  });
  const registryFaults = counter(
    'registry_faults_total',
    'Parts of site records that could not be used, and interruptions of following the registry',
    {},
  );
  const certificate = declare.gauge(
    'certificate_expires_timestamp_seconds',
    'When the certificate in force ends, in seconds since the epoch; 0 without TLS',
    [],
  );
  const authFailures = createAuthFailureCounts(now);
  declareAuthFailures(declare, authFailures);
  const readings: Partial<Readings> = {};
  declareReadings(declare, readings);
  return {
    show: (more) => void Object.assign(readings, more),
    handled: (outcome, seconds, registeredSiteId) => {
      requests.inc({ outcome });
      requestSeconds.observe({ outcome: outcomeClass(outcome) }, seconds);
      const reason = FAILURE_OF[outcome];
      if (reason === undefined || registeredSiteId === undefined) return;
      refusals.inc({ reason });
      authFailures.count(registeredSiteId, reason);
    },
    published: (stream, seconds) => publishSeconds.observe({ stream }, seconds),
    replay: (outcome) => replay.inc({ outcome }),
    limited: (scope, decision) => limits.inc({ scope, decision }),
    reloaded: (what, outcome) => reloads.inc({ what, outcome }),
    certificate: (expiresAtSeconds) => certificate.set(expiresAtSeconds),
    registryFault: () => registryFaults.inc(),
  };
}

function declareAuthFailures({ gauge }: Declare, authFailures: AuthFailureCounts): void {
  gauge(
    'site_recent_refusals',
    'Requests of the last ten minutes in the name of a registered site that were not believed; of twenty sites at most',
    ['site', 'reason'],
    (it) => {
      it.reset();
      for (const { site, reason, count } of authFailures.worst()) it.set({ site, reason }, count);
    },
  );
  gauge(
    'refused_sites',
    'Registered sites in whose name five requests of the last ten minutes were not believed',
    [],
    (it) => it.set(authFailures.sites()),
  );
}

function declareReadings(declare: Declare, readings: Partial<Readings>): void {
  for (const [reading, [name, help]] of Object.entries(GAUGES) as [keyof Readings, readonly [string, string]][])
    declare.gauge(name, help, [], (it) => it.set(readings[reading]?.() ?? 0));
}

const GAUGES: Readonly<Record<keyof Readings, readonly [name: string, help: string]>> = {
  inFlight: ['in_flight_requests', 'Requests in flight'],
  refusalsKeptBack: ['refusals_kept_back', 'Refusals that wait to be sent'],
  bufferedBytes: ['buffered_bytes', 'Bytes of bodies that are still coming'],
  connections: ['connections', 'Open client connections'],
  publishesPending: ['publishes_pending', 'Writes that wait for their acknowledgement'],
  sites: ['sites', 'Registered sites held in memory'],
  faultySites: ['faulty_sites', 'Sites of which a key, a secret or the whole record cannot be used'],
  registryAge: ['registry_age_seconds', 'Time since the sites were last proven to be up to date'],
  eventTypes: ['event_types', 'Event types in the catalogue'],
  limitShare: ['limit_share', 'The share of each rate limit that this replica may spend by itself'],
  limitKeys: ['limit_keys', 'Addresses and sites whose rate is being counted'],
};

/** One duration histogram per problem code would be fifty of them. */
function outcomeClass(outcome: OutcomeWord): string {
  if (!(outcome in PROBLEMS)) return outcome;
  return PROBLEMS[outcome as ProblemCode][0] >= 500 ? 'failed' : 'refused';
}

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
