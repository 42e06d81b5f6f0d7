import { type Dashboard, graph, line, OURS, percentiles, stat } from './panel.ts';

const rate = (metric: string, by: string, selector = ''): string =>
  `sum by (${by}) (rate(${metric}{${OURS}${selector}}[$__rate_interval]))`;

/** Results on their way to their sites. */
export const callback: Dashboard = {
  uid: 'pressferry-callback',
  title: 'Pressferry / Callback',
  description: 'Results on their way to their sites',
  rows: [
    {
      title: 'Deliveries',
      panels: [
        stat('Due', 'Deliveries that are due', 'short', [line(`max(pressferry_callback_due_deliveries{${OURS}})`)]),
        stat(
          'Oldest due',
          'Half an hour is bad',
          's',
          [line(`max(pressferry_callback_oldest_due_delivery_age_seconds{${OURS}})`)],
          { badFrom: 1_800 },
        ),
        stat('Held', 'For sites that are paused, disabled or stopped', 'short', [
          line(`max(pressferry_callback_held_deliveries{${OURS}})`),
        ]),
        stat(
          'Given up',
          'Within a day',
          'short',
          [line(`sum(increase(pressferry_callback_deliveries_total{${OURS}, outcome="dead"}[1d]))`)],
          { badFrom: 1 },
        ),
        stat(
          'Sites only probed',
          'For they keep failing; the process that sees most',
          'short',
          [line(`max(pressferry_callback_open_breakers{${OURS}})`)],
          { badFrom: 1 },
        ),
        stat(
          'Fault more likely ours',
          '1 while so many sites fail at once',
          'short',
          [line(`max(pressferry_callback_fleet_suspect{${OURS}})`)],
          { badFrom: 1 },
        ),
        stat('Stopped', 'Endpoints that take no pushes until they are resumed or changed', 'short', [
          line(`max(pressferry_callback_stopped_endpoints{${OURS}})`),
        ]),
        stat(
          'Silent sites',
          'They used to report and have not for a day',
          'short',
          [line(`max(pressferry_callback_silent_sites{${OURS}})`)],
          { badFrom: 1 },
        ),
        stat(
          'Polls held back',
          'By a transaction that keeps newer results from them',
          's',
          [line(`max(pressferry_callback_polls_held_back_seconds{${OURS}})`)],
          { badFrom: 60 },
        ),
        stat(
          'Dead rows kept',
          'By a transaction that stays open',
          's',
          [line(`max(pressferry_callback_dead_rows_kept_seconds{${OURS}})`)],
          { badFrom: 1800 },
        ),
        stat(
          'Registry not followed',
          'For how long changes of sites have not arrived',
          's',
          [line(`max(pressferry_callback_registry_age_seconds{${OURS}})`)],
          { badFrom: 60 },
        ),
        stat(
          'Faulty sites',
          'Of which a key, a secret or the whole record cannot be used',
          'short',
          [line(`max(pressferry_callback_faulty_sites{${OURS}})`)],
          { badFrom: 1 },
        ),
        stat('Postgres', 'Processes that reach it', 'short', [line(`sum(pressferry_callback_database_up{${OURS}})`)], {
          badBelow: 1,
        }),
        graph(
          'Deliveries that changed',
          'By what they changed to',
          'ops',
          [line(rate('pressferry_callback_deliveries_total', 'outcome'), '{{outcome}}')],
          { stacked: true },
        ),
        graph(
          'From the result to its acknowledgement',
          'Percentiles',
          's',
          percentiles('pressferry_callback_delivery_seconds', OURS),
        ),
        graph(
          'Why attempts failed',
          'By failure code',
          'ops',
          [line(`${rate('pressferry_callback_attempts_total', 'code', ', outcome=~"retry|stopped"')} > 0`, '{{code}}')],
          { stacked: true },
        ),
        graph(
          'Duration of an attempt',
          'Percentiles by outcome',
          's',
          percentiles('pressferry_callback_attempt_seconds', OURS, ['outcome']),
        ),
        graph('Attempts in flight', 'Of each process', 'short', [
          line(`sum by (instance) (pressferry_callback_attempts_in_hand{${OURS}})`, '{{instance}}'),
        ]),
        graph('Dead letters', 'Kept in DEADLETTERS, or refused by it', 'short', [
          line(`sum by (outcome) (increase(pressferry_callback_dead_letters_total{${OURS}}[1h]))`, '{{outcome}}'),
        ]),
        graph(
          'Results taken in',
          'By what became of them',
          'ops',
          [line(rate('pressferry_callback_results_total', 'outcome'), '{{outcome}}')],
          { stacked: true },
        ),
      ],
    },
    {
      title: 'Polling, and the rest',
      panels: [
        graph(
          'Polls',
          'By what they were answered',
          'reqps',
          [line(`${rate('pressferry_callback_polls_total', 'outcome')} > 0`, '{{outcome}}')],
          { stacked: true },
        ),
        graph('Duration of a poll', 'Percentiles', 's', percentiles('pressferry_callback_poll_seconds', OURS)),
        graph('Enrolments', 'Sites that registered themselves by a token, an hour', 'short', [
          line(`sum(increase(pressferry_callback_enrolments_total{${OURS}}[1h]))`),
        ]),
        graph('Interruptions', 'Loops that lost a dependency and began again, an hour', 'short', [
          line(`sum by (loop) (increase(pressferry_callback_interruptions_total{${OURS}}[1h]))`, '{{loop}}'),
        ]),
        graph('Age of keys', 'Of the site that has not rotated for longest; 90 days is old', 's', [
          line(`max(pressferry_callback_oldest_site_secret_age_seconds{${OURS}})`, 'secret'),
          line(`max(pressferry_callback_oldest_site_key_age_seconds{${OURS}})`, 'token key'),
        ]),
        graph(
          'Requests of sites for themselves',
          'Heartbeats, rotations and moves, and sites that were woken, an hour',
          'short',
          [
            line(
              `sum by (route, outcome) (increase(pressferry_callback_site_requests_total{${OURS}}[1h]))`,
              '{{route}} {{outcome}}',
            ),
            line(`sum by (outcome) (increase(pressferry_callback_pokes_total{${OURS}}[1h]))`, 'woken: {{outcome}}'),
          ],
        ),
        graph('The registry', 'Registered sites in memory, and records that could not be used', 'short', [
          line(`min(pressferry_callback_sites{${OURS}})`, 'sites'),
          line(`max(pressferry_callback_faulty_sites{${OURS}})`, 'faulty sites'),
          line(`sum(increase(pressferry_callback_registry_faults_total{${OURS}}[1h]))`, 'faults an hour'),
          line(
            `sum by (change) (increase(pressferry_callback_reconciled_sites_total{${OURS}}[1h]))`,
            'fixed an hour, {{change}}',
          ),
          line(
            `sum by (reason) (increase(pressferry_callback_endpoints_stopped_total{${OURS}}[1h]))`,
            'stopped an hour, {{reason}}',
          ),
        ]),
      ],
    },
  ],
};
