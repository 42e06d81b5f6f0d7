import { BUDGET_SCOPES, type BudgetScope, type BudgetState } from '@pressferry/database';
import { type Declare, declareMetrics } from '@pressferry/runtime';
import type { Registry } from 'prom-client';
import type { StepType } from './automations/compile.ts';
import { HELD_BY, type QueueState } from './db/queue.ts';
import { FAILURE_CODES, type FailureCode, type RateLimit, WAITING_FOR } from './model.ts';
import { declareRates, declareVendors, type RateUse, type VendorState } from './vendor-metrics.ts';

const INTAKE_OUTCOMES = [
  'stored',
  'unmatched',
  'dry_run',
  'duplicate',
  'conflict',
  'erased',
  'undecodable',
  'unstorable',
  'undecided',
  'worker_killed',
  'retry',
] as const;
export type IntakeOutcome = (typeof INTAKE_OUTCOMES)[number];
/**
 * `waited`: the vendor asked to come back; `held`: it refuses the credential; `probed`: it still does not answer;
 * `released`: given back without a call; `slept`: its automation waits; `superseded`: another worker holds the run.
 */
const STEP_OUTCOMES = [
  'succeeded',
  'retry',
  'failed',
  'waited',
  'held',
  'probed',
  'slept',
  'released',
  'superseded',
] as const;
export type StepOutcome = (typeof STEP_OUTCOMES)[number];
/** `rejected` by a person is not a fault. */
const RUN_OUTCOMES = ['succeeded', 'failed', 'rejected'] as const;
export type RunOutcome = (typeof RUN_OUTCOMES)[number];
export const STEP_TYPES = [
  'llm',
  'http',
  'hubspot',
  'salesforce',
  'transform',
  'delay',
  'approve',
] as const satisfies StepType[];

const LOOPS = ['intake', 'worker', 'sweep', 'retention', 'erasure', 'dead_letters'] as const;

/** Durations in seconds. */
export interface Metrics {
  /** Connects the gauges of an opened part; before, they are 0 or have no series. */
  show: (readings: Partial<Readings>) => void;
  event: (outcome: IntakeOutcome) => void;
  intakeLag: (seconds: number) => void;
  step: (type: StepType, outcome: StepOutcome, code: FailureCode | null, seconds: number) => void;
  tokens: (tokens: { input: number; output: number }) => void;
  /** From the event's acceptance to the run's end; null if its automation waited. */
  run: (outcome: RunOutcome, seconds: number | null) => void;
  result: (outcome: 'published' | 'swept' | 'refused') => void;
  deadLetter: (outcome: 'published' | 'refused') => void;
  interruption: (loop: (typeof LOOPS)[number]) => void;
  /** `refused` leaves the previous set in use. */
  reload: (outcome: 'applied' | 'refused') => void;
  /** Places of the automations in use that name a site which is not registered. */
  unknownSites: (places: number) => void;
  budgetRefused: (scope: BudgetScope) => void;
  /** Due calls waited for room under their vendor's `rate`. */
  rateWait: (limit: RateLimit) => void;
  queue: (state: QueueState) => void;
  /** Removed from the stream, because Postgres has them. */
  removedEvents: (reason: 'outside_window' | 'pressure', events: number) => void;
  expiredEvents: (events: number) => void;
  daysAhead: (days: number) => void;
}

/** Read at each scrape. Vendor names come from the configuration, so their number is bounded. */
export interface Readings {
  vendors: () => VendorState[];
  databaseUp: () => number;
  /** Events and settlements that Postgres does not take now. */
  heldWrites: () => number;
  automations: () => number;
  budgets: () => readonly BudgetState[];
  /** Of vendors with a `rate`. */
  rates: () => RateUse[];
}

const STEP_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const RUN_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800, 7_200, 86_400];

export function createMetrics(registry: Registry): Metrics {
  const declare = declareMetrics(registry, 'pressferry_enricher_');
  const readings: Partial<Readings> = {};
  declareVendors(declare, () => readings.vendors?.() ?? []);
  declareProcess(declare, readings);
  return {
    ...declareEvents(declare),
    ...declareRuns(declare),
    ...declareQueue(declare),
    ...declareReloads(declare),
    ...declareDays(declare),
    ...declareBudgets(declare, () => readings.budgets?.() ?? []),
    ...declareRates(declare, () => readings.rates?.() ?? []),
    show: (more) => void Object.assign(readings, more),
  };
}

function declareEvents({
  counter,
  histogram,
}: Declare): Pick<Metrics, 'event' | 'intakeLag' | 'removedEvents' | 'expiredEvents' | 'interruption'> {
  const events = counter('events_total', 'Event messages taken in', { outcome: INTAKE_OUTCOMES });
  const lag = histogram('intake_lag_seconds', 'From the acceptance of an event to its storing', {}, RUN_BUCKETS);
  const removed = counter('removed_events_total', 'Events removed from EVENTS once Postgres has them', {
    reason: ['outside_window', 'pressure'],
  });
  const expired = counter('expired_events_total', 'Events removed from Postgres after RETENTION_DAYS', {});
  const interruptions = counter('interruptions_total', 'Times a loop lost a dependency and began again', {
    loop: LOOPS,
  });
  return {
    event: (outcome) => events.inc({ outcome }),
    intakeLag: (seconds) => lag.observe(seconds),
    removedEvents: (reason, count) => removed.inc({ reason }, count),
    expiredEvents: (count) => expired.inc(count),
    interruption: (loop) => interruptions.inc({ loop }),
  };
}

/** The same in every replica. `pressferry budgets show` names the budgets: a label never names a site. */
function declareBudgets(
  { counter, gauge }: Declare,
  budgets: () => readonly BudgetState[],
): Pick<Metrics, 'budgetRefused'> {
  const refusals = counter('budget_refusals_total', 'Calls that a budget did not allow, by its scope', {
    scope: BUDGET_SCOPES,
  });
  gauge('budget_used_ratio', 'Share of the fullest budget that is spent or reserved, by scope', ['scope'], (it) => {
    for (const scope of BUDGET_SCOPES) {
      const shares = budgets()
        .filter((budget) => budget.scope === scope)
        .map(usedShare);
      it.set({ scope }, Math.max(0, ...shares));
    }
  });
  return { budgetRefused: (scope) => refusals.inc({ scope }) };
}

function usedShare(budget: BudgetState): number {
  const share = (used: number, cap: number | null): number => (cap === null ? 0 : cap === 0 ? 1 : used / cap);
  return Math.max(
    share(budget.spentMicros + budget.reservedMicros, budget.capMicros),
    share(budget.spentTokens + budget.reservedTokens, budget.capTokens),
  );
}

function declareReloads({ counter, gauge }: Declare): Pick<Metrics, 'reload' | 'unknownSites'> {
  const reloads = counter('automation_reloads_total', "Changes of the automations' files", {
    outcome: ['applied', 'refused'],
  });
  const refused = gauge(
    'automations_refused',
    "1 while a change of the automations' files is refused for its faults",
    [],
  );
  const unknown = gauge(
    'automations_unknown_sites',
    'Places of the automations in use that name a site which is not registered',
    [],
  );
  return {
    unknownSites: (places) => unknown.set(places),
    reload: (outcome) => {
      reloads.inc({ outcome });
      refused.set(Number(outcome === 'refused'));
    },
  };
}

function declareRuns({
  counter,
  histogram,
}: Declare): Pick<Metrics, 'step' | 'tokens' | 'run' | 'result' | 'deadLetter'> {
  const steps = counter('steps_total', 'Steps tried', { type: STEP_TYPES, outcome: STEP_OUTCOMES });
  const failures = counter('step_failures_total', 'Attempts that failed, by failure code', { code: FAILURE_CODES });
  const stepSeconds = histogram('step_seconds', 'Duration of an attempt at a step', { type: STEP_TYPES }, STEP_BUCKETS);
  const tokens = counter('llm_tokens_total', 'Tokens that vendors counted', { kind: ['input', 'output'] });
  const runs = counter('runs_total', 'Runs ended', { outcome: RUN_OUTCOMES });
  const runSeconds = histogram('run_seconds', 'From the acceptance of an event to the end of a run', {}, RUN_BUCKETS);
  const results = counter('results_total', 'Results published on RESULTS', {
    outcome: ['published', 'swept', 'refused'],
  });
  const deadLetters = counter('dead_letters_total', 'Dead letters', { outcome: ['published', 'refused'] });
  return {
    step: (type, outcome, code, seconds) => {
      steps.inc({ type, outcome });
      stepSeconds.observe({ type }, seconds);
      if (code !== null) failures.inc({ code });
    },
    tokens: ({ input, output }) => {
      tokens.inc({ kind: 'input' }, input);
      tokens.inc({ kind: 'output' }, output);
    },
    run: (outcome, seconds) => {
      runs.inc({ outcome });
      if (seconds !== null) runSeconds.observe(seconds);
    },
    result: (outcome) => results.inc({ outcome }),
    deadLetter: (outcome) => deadLetters.inc({ outcome }),
  };
}

/** The queue in Postgres: the same in every replica. */
function declareQueue({ gauge }: Declare): Pick<Metrics, 'queue'> {
  const due = gauge('due_runs', 'Runs that are due and not taken up; the same in every replica', []);
  const age = gauge('oldest_due_run_age_seconds', 'How long the oldest due run is due; the same in every replica', []);
  const held = gauge(
    'held_runs',
    'Runs that wait because their site is paused, disabled or not registered; the same in every replica',
    ['site_status'],
  );
  const waiting = gauge('waiting_runs', 'Runs that wait because their automation says so; the same in every replica', [
    'reason',
  ]);
  const approvalAge = gauge(
    'oldest_approval_age_seconds',
    'How long the oldest undecided approval waits; the same in every replica',
    [],
  );
  const approvalRatio = gauge(
    'approval_timeout_ratio',
    'Largest share of its timeout that an undecided approval has waited; the same in every replica',
    [],
  );
  const unpublished = gauge(
    'unpublished_results',
    'Results stored and not yet published; the same in every replica',
    [],
  );
  return {
    queue: (state) => {
      due.set(state.due);
      age.set(state.oldestDueAgeSeconds);
      unpublished.set(state.unpublished);
      approvalAge.set(state.oldestApprovalAgeSeconds);
      approvalRatio.set(state.approvalTimeoutRatio);
      for (const reason of WAITING_FOR) waiting.set({ reason }, state.waiting[reason]);
      for (const site_status of HELD_BY) held.set({ site_status }, state.held[site_status]);
    },
  };
}

function declareDays({ gauge }: Declare): Pick<Metrics, 'daysAhead'> {
  let lastDay: number | undefined;
  gauge(
    'future_partitions',
    'Days beyond today whose partitions are there; falls by itself if none are made',
    [],
    (it) => {
      if (lastDay !== undefined) it.set(lastDay - today());
    },
  );
  return {
    daysAhead: (days) => {
      lastDay = today() + days;
    },
  };
}

function declareProcess({ gauge }: Declare, readings: Partial<Readings>): void {
  gauge('database_up', '1 while Postgres takes writes', [], (it) => it.set(readings.databaseUp?.() ?? 0));
  gauge('held_writes', 'Events and outcomes of steps that Postgres does not take, kept by this process', [], (it) =>
    it.set(readings.heldWrites?.() ?? 0),
  );
  gauge('automations', 'Automations loaded', [], (it) => it.set(readings.automations?.() ?? 0));
}

/** Since 1970, UTC. */
const today = (): number => Math.floor(Date.now() / 86_400_000);
