import { type Dashboard, graph, line, OURS, percentiles, stat } from './panel.ts';

const rate = (metric: string, by: string, selector = ''): string =>
  `sum by (${by}) (rate(${metric}{${OURS}${selector}}[$__rate_interval]))`;

/** Events into runs, runs into results: vendors, tokens, spend. */
export const enricher: Dashboard = {
  uid: 'pressferry-enricher',
  title: 'Pressferry / Enricher',
  description: 'Events into runs, runs into results: vendors, tokens',
  rows: [
    {
      title: 'Runs',
      panels: [
        stat('Due', 'Runs that are due and not taken up', 'short', [
          line(`max(pressferry_enricher_due_runs{${OURS}})`),
        ]),
        stat(
          'Oldest due',
          'A quarter of an hour is bad',
          's',
          [line(`max(pressferry_enricher_oldest_due_run_age_seconds{${OURS}})`)],
          { badFrom: 900 },
        ),
        stat(
          'Failed',
          'Runs that failed for good, within a day',
          'short',
          [line(`sum(increase(pressferry_enricher_runs_total{${OURS}, outcome="failed"}[1d]))`)],
          { badFrom: 1 },
        ),
        stat(
          'Unpublished',
          'Results that RESULTS has not taken',
          'short',
          [line(`max(pressferry_enricher_unpublished_results{${OURS}})`)],
          { badFrom: 1 },
        ),
        stat('Automations', 'Loaded', 'short', [line(`min(pressferry_enricher_automations{${OURS}})`)]),
        stat('Postgres', 'Processes that reach it', 'short', [line(`sum(pressferry_enricher_database_up{${OURS}})`)], {
          badBelow: 1,
        }),
        graph(
          'Events',
          'Messages taken in, by what became of them',
          'ops',
          [line(rate('pressferry_enricher_events_total', 'outcome'), '{{outcome}}')],
          { stacked: true },
        ),
        graph(
          'From acceptance to storing',
          'Percentiles',
          's',
          percentiles('pressferry_enricher_intake_lag_seconds', OURS),
        ),
        graph('Runs ended', 'By outcome', 'ops', [
          line(rate('pressferry_enricher_runs_total', 'outcome'), '{{outcome}}'),
        ]),
        graph(
          'From acceptance to the end of a run',
          'Percentiles',
          's',
          percentiles('pressferry_enricher_run_seconds', OURS),
        ),
      ],
    },
    {
      title: 'Vendors',
      panels: [
        graph(
          'Breakers',
          '0 closed, 1 half open, 2 open: an open one is only probed',
          'short',
          [line(`max by (vendor) (pressferry_enricher_vendor_breaker_state{${OURS}})`, '{{vendor}}')],
          { badFrom: 2 },
        ),
        graph('Calls in flight', 'By vendor, over all processes', 'short', [
          line(`sum by (vendor) (pressferry_enricher_calls_in_hand{${OURS}})`, '{{vendor}}'),
        ]),
        graph(
          'Attempts',
          'By outcome',
          'ops',
          [line(rate('pressferry_enricher_steps_total', 'type, outcome'), '{{type}} {{outcome}}')],
          { stacked: true },
        ),
        graph(
          'Why attempts failed',
          'By failure code',
          'ops',
          [line(`${rate('pressferry_enricher_step_failures_total', 'code')} > 0`, '{{code}}')],
          { stacked: true },
        ),
        graph(
          'Duration of an attempt',
          'Percentiles by the kind of step',
          's',
          percentiles('pressferry_enricher_step_seconds', OURS, ['type']),
        ),
        graph(
          'Tokens',
          'That vendors counted, an hour',
          'short',
          [line(`sum by (kind) (increase(pressferry_enricher_llm_tokens_total{${OURS}}[1h]))`, '{{kind}}')],
          { stacked: true },
        ),
        graph(
          'Fullest budget',
          'Share that is spent or reserved, by scope; at 1 calls are held, skipped or failed',
          'percentunit',
          [line(`max by (scope) (pressferry_enricher_budget_used_ratio{${OURS}})`, '{{scope}}')],
          { badFrom: 1 },
        ),
        graph('Calls not made', 'Because of a budget, an hour', 'short', [
          line(`sum by (scope) (increase(pressferry_enricher_budget_refusals_total{${OURS}}[1h]))`, '{{scope}}'),
        ]),
        graph(
          'Rates of vendors',
          'Share of a limit that all replicas use; times an hour that calls waited for one',
          'short',
          [
            line(
              `max by (vendor, limit) (pressferry_enricher_vendor_rate_used_ratio{${OURS}})`,
              '{{vendor}} {{limit}} used',
            ),
            line(`sum by (limit) (increase(pressferry_enricher_rate_waits_total{${OURS}}[1h]))`, '{{limit}} waits'),
          ],
        ),
      ],
    },
    {
      title: 'Results, and runs given up',
      panels: [
        graph('Results', 'Published at once, or by the sweep that finds what a crash left behind', 'ops', [
          line(rate('pressferry_enricher_results_total', 'outcome'), '{{outcome}}'),
        ]),
        graph('Dead letters', 'Kept in DEADLETTERS, or refused by it', 'short', [
          line(`sum by (outcome) (increase(pressferry_enricher_dead_letters_total{${OURS}}[1h]))`, '{{outcome}}'),
        ]),
        graph('Held back', 'Vendors that are blocked, and writes that wait for Postgres', 'short', [
          line(`sum(pressferry_enricher_vendor_blocked{${OURS}})`, 'vendors blocked'),
          line(`sum(pressferry_enricher_held_writes{${OURS}})`, 'writes held'),
        ]),
        graph('Changes of automations', 'Applied or refused, an hour; refused now; sites not registered', 'short', [
          line(`sum by (outcome) (increase(pressferry_enricher_automation_reloads_total{${OURS}}[1h]))`, '{{outcome}}'),
          line(`max(pressferry_enricher_automations_refused{${OURS}})`, 'refused now'),
          line(`max(pressferry_enricher_automations_unknown_sites{${OURS}})`, 'places that name an unknown site'),
        ]),
        graph('Interruptions', 'Loops that lost a dependency and began again, an hour', 'short', [
          line(`sum by (loop) (increase(pressferry_enricher_interruptions_total{${OURS}}[1h]))`, '{{loop}}'),
        ]),
        graph(
          'Removed from EVENTS',
          'Messages that Postgres holds, an hour: after their window, or early, for want of room',
          'short',
          [
            line(`sum by (reason) (increase(pressferry_enricher_removed_events_total{${OURS}}[1h]))`, '{{reason}}'),
            line(
              `sum(increase(pressferry_enricher_expired_events_total{${OURS}}[1h]))`,
              'from Postgres, after RETENTION_DAYS',
            ),
          ],
        ),
      ],
    },
  ],
};
