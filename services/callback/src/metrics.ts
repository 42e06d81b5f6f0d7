import { PROBLEMS, type ProblemCode } from '@pressferry/contracts';
import { type Declare, declareMetrics } from '@pressferry/runtime';
import type { Registry } from 'prom-client';
import {
  FAILURE_CODES,
  type FailureCode,
  POKE_OUTCOMES,
  type PokeOutcome,
  SITE_ROUTES,
  type SiteRoute,
  STOP_REASONS,
  type StopReason,
} from './model.ts';

const DELIVERY_OUTCOMES = ['acknowledged', 'polled', 'held', 'resumed', 'dead'] as const;
type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];
const ATTEMPT_OUTCOMES = ['acknowledged', 'retry', 'stopped', 'released'] as const;
type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];
const INTAKE_OUTCOMES = [
  'claimed',
  'stored',
  'revived',
  'duplicate',
  'erased',
  'swept',
  'undecodable',
  'unstorable',
] as const;
type IntakeOutcome = (typeof INTAKE_OUTCOMES)[number];

const ENROLMENT_REFUSALS = [
  'enrolment_token_invalid',
  'enrolment_token_used',
  'enrolment_proof_invalid',
  'enrolment_refused',
  'rate_limited_ip',
  'registry_unavailable',
] as const satisfies ProblemCode[];
export type EnrolmentRefusal = (typeof ENROLMENT_REFUSALS)[number];

const LOOPS = ['intake', 'worker', 'endpoints', 'housekeeping', 'reconciler', 'pokes'] as const;
export type Loop = (typeof LOOPS)[number];

export interface Queue {
  due: number;
  held: number;
  oldestDueAgeSeconds: number;
  stoppedEndpoints: number;
  silentSites: number;
  pollsHeldBackSeconds: number;
  deadRowsKeptSeconds: number;
}

export interface Metrics {
  /** Connects the gauges of an opened part; they are 0 before. */
  show: (readings: Partial<Readings>) => void;
  intake: (outcome: IntakeOutcome, count?: number) => void;
  deadLetter: (outcome: 'published' | 'refused') => void;
  deliveries: (outcome: DeliveryOutcome, count?: number) => void;
  attempt: (outcome: AttemptOutcome, code: FailureCode | 'none', seconds: number) => void;
  /** From the end of the run to the acknowledgement. */
  delivered: (seconds: number) => void;
  poll: (outcome: 'answered' | ProblemCode, seconds: number) => void;
  enrolment: (outcome: 'enrolled' | EnrolmentRefusal) => void;
  siteRequest: (route: SiteRoute, outcome: 'answered' | 'refused') => void;
  poke: (outcome: PokeOutcome) => void;
  endpointStopped: (reason: StopReason) => void;
  interruption: (loop: Loop) => void;
  registryFault: () => void;
  reconciled: (change: 'written' | 'removed', count: number) => void;
  keyAges: (ages: { secret: number; key: number }) => void;
  queue: (queue: Queue) => void;
}

/** Read at each scrape. */
export interface Readings {
  attemptsInFlight: () => number;
  openBreakers: () => number;
  /** 1 while so many endpoints fail at once that the fault is more likely ours. */
  isFleetSuspect: () => number;
  databaseUp: () => number;
  sites: () => number;
  faultySites: () => number;
  /** Seconds since the sites in memory were last proven current. */
  registryAge: () => number;
}

export function createMetrics(registry: Registry): Metrics {
  const declare = declareMetrics(registry, 'pressferry_callback_');
  const readings: Partial<Readings> = {};
  declareReadings(declare, readings);
  return {
    ...declareDeliveries(declare),
    ...declareRequests(declare),
    ...declareLoops(declare),
    ...declareQueue(declare),
    show: (more) => void Object.assign(readings, more),
  };
}

function declareDeliveries({
  counter,
  histogram,
}: Declare): Pick<Metrics, 'intake' | 'deadLetter' | 'deliveries' | 'attempt' | 'delivered' | 'endpointStopped'> {
  const results = counter('results_total', 'Results taken from RESULTS, or found without a delivery', {
    outcome: INTAKE_OUTCOMES,
  });
  const deliveries = counter('deliveries_total', 'Deliveries that changed their state', { outcome: DELIVERY_OUTCOMES });
  const attempts = counter('attempts_total', 'Attempts, by outcome and failure code', {
    outcome: ATTEMPT_OUTCOMES,
    code: ['none', ...FAILURE_CODES],
  });
  const attemptSeconds = histogram(
    'attempt_seconds',
    'Duration of an attempt',
    { outcome: ATTEMPT_OUTCOMES },
    ATTEMPT_BUCKETS,
  );
  const deliverySeconds = histogram(
    'delivery_seconds',
    'From the end of a run to the acknowledgement',
    {},
    AGE_BUCKETS,
  );
  const deadLetters = counter('dead_letters_total', 'Dead letters', { outcome: ['published', 'refused'] });
  const stops = counter('endpoints_stopped_total', 'Endpoints whose pushes were stopped', { reason: STOP_REASONS });
  return {
    intake: (outcome, count = 1) => results.inc({ outcome }, count),
    deadLetter: (outcome) => deadLetters.inc({ outcome }),
    deliveries: (outcome, count = 1) => deliveries.inc({ outcome }, count),
    attempt: (outcome, code, seconds) => {
      attempts.inc({ outcome, code });
      attemptSeconds.observe({ outcome }, seconds);
    },
    delivered: (seconds) => deliverySeconds.observe(seconds),
    endpointStopped: (reason) => stops.inc({ reason }),
  };
}

function declareRequests({ counter, histogram }: Declare): Pick<Metrics, 'poll' | 'enrolment' | 'siteRequest'> {
  const polls = counter('polls_total', 'Requests to the results API, by what they were answered', {
    outcome: ['answered', ...(Object.keys(PROBLEMS) as ProblemCode[])],
  });
  const pollSeconds = histogram('poll_seconds', 'Duration of a request to the results API', {}, POLL_BUCKETS);
  const enrolments = counter('enrolments_total', 'Requests to enrol a site, by what they were answered', {
    outcome: ['enrolled', ...ENROLMENT_REFUSALS],
  });
  const siteRequests = counter('site_requests_total', 'What sites asked for themselves, by route', {
    route: SITE_ROUTES,
    outcome: ['answered', 'refused'],
  });
  return {
    poll: (outcome, seconds) => {
      polls.inc({ outcome });
      pollSeconds.observe(seconds);
    },
    enrolment: (outcome) => enrolments.inc({ outcome }),
    siteRequest: (route, outcome) => siteRequests.inc({ route, outcome }),
  };
}

function declareLoops({ counter }: Declare): Pick<Metrics, 'poke' | 'interruption' | 'registryFault' | 'reconciled'> {
  const pokes = counter('pokes_total', 'Sites that were woken because they were behind or silent, by how it ended', {
    outcome: POKE_OUTCOMES,
  });
  const interruptions = counter('interruptions_total', 'Times a loop lost a dependency and began again', {
    loop: LOOPS,
  });
  const registryFaults = counter(
    'registry_faults_total',
    'Parts of site records that could not be used, and interruptions of following the registry',
    {},
  );
  const reconciled = counter('reconciled_sites_total', 'Published records of sites that differed from Postgres', {
    change: ['written', 'removed'],
  });
  return {
    poke: (outcome) => pokes.inc({ outcome }),
    interruption: (loop) => interruptions.inc({ loop }),
    registryFault: () => registryFaults.inc(),
    reconciled: (change, count) => reconciled.inc({ change }, count),
  };
}

/** The queue in Postgres: the same in every replica. */
function declareQueue({ gauge }: Declare): Pick<Metrics, 'queue' | 'keyAges'> {
  const due = gauge(
    'due_deliveries',
    'Deliveries that are due and not yet acknowledged; the same in every replica',
    [],
  );
  const held = gauge(
    'held_deliveries',
    'Deliveries held for sites that nothing can be pushed to; the same in every replica',
    [],
  );
  const age = gauge(
    'oldest_due_delivery_age_seconds',
    'How long the oldest due delivery is due; the same in every replica',
    [],
  );
  const secretAge = gauge(
    'oldest_site_secret_age_seconds',
    'Age of the newest secret of the site that has not rotated its own for longest; the same in every replica',
    [],
  );
  const keyAge = gauge('oldest_site_key_age_seconds', 'The same of the keys that verify tokens', []);
  const stopped = gauge(
    'stopped_endpoints',
    'Endpoints that take no pushes until they are resumed or changed; the same in every replica',
    [],
  );
  const silent = gauge(
    'silent_sites',
    'Sites that used to report and have not for a day; the same in every replica',
    [],
  );
  const heldBack = gauge(
    'polls_held_back_seconds',
    'How long a transaction has kept results that came after it from polls; the same in every replica',
    [],
  );
  const deadRows = gauge(
    'dead_rows_kept_seconds',
    'How long an open transaction has kept Postgres from removing dead rows; the same in every replica',
    [],
  );
  return {
    keyAges: (ages) => {
      secretAge.set(ages.secret);
      keyAge.set(ages.key);
    },
    queue: (queue) => {
      due.set(queue.due);
      held.set(queue.held);
      age.set(queue.oldestDueAgeSeconds);
      stopped.set(queue.stoppedEndpoints);
      silent.set(queue.silentSites);
      heldBack.set(queue.pollsHeldBackSeconds);
      deadRows.set(queue.deadRowsKeptSeconds);
    },
  };
}

function declareReadings(declare: Declare, readings: Partial<Readings>): void {
  for (const [reading, [name, help]] of Object.entries(GAUGES) as [keyof Readings, readonly [string, string]][])
    declare.gauge(name, help, [], (it) => it.set(readings[reading]?.() ?? 0));
}

const GAUGES: Readonly<Record<keyof Readings, readonly [name: string, help: string]>> = {
  attemptsInFlight: ['attempts_in_hand', 'Attempts running in this process'],
  openBreakers: ['open_breakers', 'Sites that this process only probes, because they keep failing'],
  isFleetSuspect: ['fleet_suspect', '1 while so many endpoints fail at once that the fault is more likely ours'],
  sites: ['sites', 'Registered sites held in memory'],
  faultySites: ['faulty_sites', 'Sites of which a key, a secret or the whole record cannot be used'],
  registryAge: ['registry_age_seconds', 'Time since the sites were last proven to be up to date'],
  databaseUp: ['database_up', '1 while Postgres answers'],
};

const ATTEMPT_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const AGE_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800, 7_200, 86_400, 345_600];
const POLL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
