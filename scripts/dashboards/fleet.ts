import { type Dashboard, graph, line, OURS, percentiles, stat } from './panel.ts';

const BAD = 'internal_error|stream_unavailable|stream_full|overloaded|registry_unavailable';

/** Is the promise kept, for the whole fleet, from the event to the acknowledged result? */
export const fleet: Dashboard = {
  uid: 'pressferry-fleet',
  title: 'Pressferry / Fleet',
  description: 'From the event to its acknowledged result, over all sites',
  rows: [
    {
      title: 'Is it well?',
      panels: [
        stat(
          'Accepted',
          'Acceptable requests that were accepted, over a day. The objective is 99.9 %',
          'percentunit',
          [
            line(
              `1 - (sum(increase(pressferry_ingress_requests_total{${OURS}, outcome=~"${BAD}"}[1d])) / sum(increase(pressferry_ingress_requests_total{${OURS}, outcome=~"accepted|duplicate|${BAD}"}[1d])))`,
            ),
          ],
          { badBelow: 0.999 },
        ),
        stat(
          'Runs in time',
          'Runs that ended within five minutes, over a day. The objective is 99 %',
          'percentunit',
          [
            line(
              `sum(increase(pressferry_enricher_run_seconds_bucket{${OURS}, le="300"}[1d])) / sum(increase(pressferry_enricher_run_seconds_count{${OURS}}[1d]))`,
            ),
          ],
          { badBelow: 0.99 },
        ),
        stat(
          'Delivered',
          'Results that were acknowledged or polled, of those that ended, over a day. The objective is 99 %',
          'percentunit',
          [
            line(
              `sum(increase(pressferry_callback_deliveries_total{${OURS}, outcome=~"acknowledged|polled"}[1d])) / sum(increase(pressferry_callback_deliveries_total{${OURS}, outcome=~"acknowledged|polled|dead"}[1d]))`,
            ),
          ],
          { badBelow: 0.99 },
        ),
        stat(
          'Dead letters',
          'What was given up within a day and waits for a person',
          'short',
          [
            line(
              `sum(increase(pressferry_enricher_dead_letters_total{${OURS}, outcome="published"}[1d]) or increase(pressferry_callback_dead_letters_total{${OURS}, outcome="published"}[1d]))`,
            ),
          ],
          { badFrom: 1 },
        ),
        stat(
          'Sites',
          'Registered sites that ingress can use',
          'short',
          [line(`min(pressferry_ingress_sites{${OURS}})`)],
          { badBelow: 1 },
        ),
        stat(
          'Sites refused',
          'Sites in whose name five requests or more of ten minutes were not believed',
          'short',
          [line(`max(pressferry_ingress_refused_sites{${OURS}})`)],
          { badFrom: 1 },
        ),
      ],
    },
    {
      title: 'The flow',
      panels: [
        graph(
          'Events, runs, results',
          'What each stage takes in; the lines lie upon each other while nothing waits',
          'ops',
          [
            line(
              `sum(rate(pressferry_ingress_requests_total{${OURS}, outcome="accepted"}[$__rate_interval]))`,
              'accepted',
            ),
            line(
              `sum(rate(pressferry_enricher_events_total{${OURS}, outcome=~"stored|unmatched|dry_run"}[$__rate_interval]))`,
              'taken in',
            ),
            line(`sum(rate(pressferry_enricher_runs_total{${OURS}}[$__rate_interval]))`, 'runs ended'),
            line(
              `sum(rate(pressferry_callback_deliveries_total{${OURS}, outcome=~"acknowledged|polled"}[$__rate_interval]))`,
              'results delivered',
            ),
          ],
        ),
        graph(
          'What waits',
          'Events in EVENTS, runs that are due, results in RESULTS, deliveries that are due',
          'short',
          [
            line(
              `sum(max by (stream) (pressferry_jetstream_consumer_pending{${OURS}, consumer="enricher"}))`,
              'events',
            ),
            line(`max(pressferry_enricher_due_runs{${OURS}})`, 'runs'),
            line(`max(pressferry_jetstream_consumer_pending{${OURS}, consumer="callback"})`, 'results'),
            line(`max(pressferry_callback_due_deliveries{${OURS}})`, 'deliveries'),
          ],
        ),
        graph(
          'How long the oldest waits',
          'Age of the oldest of each; minutes are bad, for events and results above all',
          's',
          [
            line(`max(pressferry_jetstream_consumer_oldest_age_seconds{${OURS}, consumer="enricher"})`, 'event'),
            line(`max(pressferry_enricher_oldest_due_run_age_seconds{${OURS}})`, 'run'),
            line(`max(pressferry_jetstream_consumer_oldest_age_seconds{${OURS}, consumer="callback"})`, 'result'),
            line(`max(pressferry_callback_oldest_due_delivery_age_seconds{${OURS}})`, 'delivery'),
          ],
        ),
        graph(
          'From the event to the end of its runs',
          'Percentiles of the runs that ended',
          's',
          percentiles('pressferry_enricher_run_seconds', OURS),
        ),
        graph(
          'From the result to its acknowledgement',
          'Percentiles of the deliveries that were acknowledged',
          's',
          percentiles('pressferry_callback_delivery_seconds', OURS),
        ),
        graph('Held', 'Runs and results of sites that are paused, disabled or not registered', 'short', [
          line(
            `sum by (site_status) (max by (site_status, namespace) (pressferry_enricher_held_runs{${OURS}}))`,
            'runs, {{site_status}}',
          ),
          line(`max(pressferry_callback_held_deliveries{${OURS}})`, 'deliveries'),
        ]),
        graph('Waiting', 'Runs that wait because their automation says so', 'short', [
          line(
            `sum by (reason) (max by (reason, namespace) (pressferry_enricher_waiting_runs{${OURS}}))`,
            '{{reason}}',
          ),
        ]),
        graph('Oldest approval', 'How long the oldest undecided approval waits', 's', [
          line(`max by (namespace) (pressferry_enricher_oldest_approval_age_seconds{${OURS}})`, '{{namespace}}'),
        ]),
        graph(
          'Approvals and their timeouts',
          'Largest share of its timeout that an approval has waited',
          'percentunit',
          [line(`max by (namespace) (pressferry_enricher_approval_timeout_ratio{${OURS}})`, '{{namespace}}')],
        ),
      ],
    },
    {
      title: 'The processes',
      panels: [
        graph('Releases', 'Processes by release; two at once only during a rollout', 'short', [
          line(
            `count by (job, version, revision) (pressferry_build_info{${OURS}})`,
            '{{job}} {{version}} {{revision}}',
          ),
        ]),
        graph('Memory', 'Resident memory of each process', 'bytes', [
          line(
            `process_resident_memory_bytes{${OURS}} and on (job, instance) pressferry_build_info`,
            '{{job}} {{instance}}',
          ),
        ]),
        graph('CPU', 'Processors used; a process uses hardly more than one', 'short', [
          line(
            `rate(process_cpu_seconds_total{${OURS}}[$__rate_interval]) and on (job, instance) pressferry_build_info`,
            '{{job}} {{instance}}',
          ),
        ]),
        graph('Event loop', 'Lag of one turn in a hundred; half a second is bad', 's', [
          line(
            `nodejs_eventloop_lag_p99_seconds{${OURS}} and on (job, instance) pressferry_build_info`,
            '{{job}} {{instance}}',
          ),
        ]),
      ],
    },
  ],
};
