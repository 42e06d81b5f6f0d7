import { type Dashboard, graph, line, OURS, percentiles, stat } from './panel.ts';

const rate = (metric: string, selector: string, by: string): string =>
  `sum by (${by}) (rate(${metric}{${OURS}${selector}}[$__rate_interval]))`;

/** Requests, answers and their reasons. */
export const ingress: Dashboard = {
  uid: 'pressferry-ingress',
  title: 'Pressferry / Ingress',
  description: 'Requests, answers and their reasons',
  rows: [
    {
      title: 'Requests',
      panels: [
        graph(
          'Answers',
          'Requests by what they were answered: outcomes other than accepted and duplicate are problem codes',
          'reqps',
          [line(`${rate('pressferry_ingress_requests_total', '', 'outcome')} > 0`, '{{outcome}}')],
          { stacked: true },
        ),
        graph(
          'Our faults',
          'Answers 5xx: senders repeat these',
          'reqps',
          [
            line(
              rate(
                'pressferry_ingress_requests_total',
                ', outcome=~"internal_error|stream_unavailable|stream_full|overloaded|registry_unavailable|site_backlog_full"',
                'outcome',
              ),
              '{{outcome}}',
            ),
          ],
          { stacked: true },
        ),
        graph(
          'Duration of accepted events',
          'From head to answer, percentiles',
          's',
          percentiles('pressferry_ingress_request_seconds', `${OURS}, outcome="accepted"`),
        ),
        graph(
          'Duration of refusals',
          'What working on them takes, without the time that they are delayed',
          's',
          percentiles('pressferry_ingress_request_seconds', `${OURS}, outcome="refused"`),
        ),
        graph(
          'Acknowledged writes',
          'How long JetStream takes: the token id, then the event',
          's',
          percentiles('pressferry_ingress_publish_seconds', OURS, ['stream']),
        ),
        graph('In hand', 'Requests, connections, writes without an acknowledgement', 'short', [
          line(`sum(pressferry_ingress_in_flight_requests{${OURS}})`, 'requests'),
          line(`sum(pressferry_ingress_connections{${OURS}})`, 'connections'),
          line(`sum(pressferry_ingress_publishes_pending{${OURS}})`, 'writes'),
          line(`sum(pressferry_ingress_refusals_kept_back{${OURS}})`, 'refusals kept back'),
        ]),
        graph('Bodies that are still coming', 'Bytes of them in memory', 'bytes', [
          line(`sum by (instance) (pressferry_ingress_buffered_bytes{${OURS}})`, '{{instance}}'),
        ]),
      ],
    },
    {
      title: 'Who is not believed',
      panels: [
        graph('By site', 'Requests of ten minutes in the name of a registered site; of twenty sites at most', 'short', [
          line(`sum by (site, reason) (pressferry_ingress_site_recent_refusals{${OURS}}) > 0`, '{{site}}, {{reason}}'),
        ]),
        graph('By reason', 'Of all registered sites', 'reqps', [
          line(rate('pressferry_ingress_site_refusals_total', '', 'reason'), '{{reason}}'),
        ]),
        graph('Token ids', 'Looked up in the replay store', 'reqps', [
          line(rate('pressferry_ingress_replay_checks_total', '', 'outcome'), '{{outcome}}'),
        ]),
        graph('Rate limits', 'Requests refused for their rate, and decisions that asked the other replicas', 'reqps', [
          line(
            rate('pressferry_ingress_limit_decisions_total', ', decision=~"refused|asked"', 'scope, decision'),
            '{{scope}} {{decision}}',
          ),
        ]),
        graph(
          'Counted rates',
          'Addresses and sites whose rate is being counted; and the share of each limit that a replica may spend by itself',
          'short',
          [
            line(`sum(pressferry_ingress_limit_keys{${OURS}})`, 'keys'),
            line(`avg(pressferry_ingress_limit_share{${OURS}})`, 'share'),
          ],
        ),
      ],
    },
    {
      title: 'What it knows',
      panels: [
        stat(
          'Sites',
          'Registered sites in memory, of the replica with fewest',
          'short',
          [line(`min(pressferry_ingress_sites{${OURS}})`)],
          { badBelow: 1 },
        ),
        stat('Event types', 'In the catalogue', 'short', [line(`min(pressferry_ingress_event_types{${OURS}})`)], {
          badBelow: 1,
        }),
        stat(
          'Age of the registry',
          'Since the sites were last proven to be up to date',
          's',
          [line(`max(pressferry_ingress_registry_age_seconds{${OURS}})`)],
          { badFrom: 15 },
        ),
        stat(
          'Faulty sites',
          'Of which a key, a secret or the whole record cannot be used',
          'short',
          [line(`max(pressferry_ingress_faulty_sites{${OURS}})`)],
          { badFrom: 1 },
        ),
        stat(
          'Registry faults',
          'Records that could not be used, within a day',
          'short',
          [line(`max(increase(pressferry_ingress_registry_faults_total{${OURS}}[1d]))`)],
          { badFrom: 1 },
        ),
        stat('Certificate ends in', 'Of TLS that ingress speaks itself; far in the past without', 's', [
          line(`min(pressferry_ingress_certificate_expires_timestamp_seconds{${OURS}}) - time()`),
        ]),
        stat('Read again', 'Certificates and catalogues, within a day', 'short', [
          line(`sum(increase(pressferry_ingress_reloads_total{${OURS}, outcome="changed"}[1d]))`),
        ]),
      ],
    },
  ],
};
