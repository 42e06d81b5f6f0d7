import { type Dashboard, graph, line, OURS, sqlTable, stat } from './panel.ts';

const ofStreams = (metric: string): string => `max by (stream) (pressferry_jetstream_stream_${metric}{${OURS}})`;
const ofConsumers = (metric: string): string =>
  `max by (stream, consumer) (pressferry_jetstream_consumer_${metric}{${OURS}})`;

/** JetStream and Postgres as they are used here. */
export const platform: Dashboard = {
  uid: 'pressferry-platform',
  title: 'Pressferry / JetStream and Postgres',
  description: 'JetStream and Postgres as they are used here',
  usesPostgres: true,
  rows: [
    {
      title: 'JetStream',
      panels: [
        stat(
          'Connected',
          'Processes that are connected to NATS',
          'short',
          [line(`sum(pressferry_jetstream_connected{${OURS}})`)],
          { badBelow: 1 },
        ),
        stat('Streams down', 'Whose leader does not answer', 'short', [line(`sum(1 - ${ofStreams('up')})`)], {
          badFrom: 1,
        }),
        stat('Consumers down', 'Whose leader does not answer', 'short', [line(`sum(1 - ${ofConsumers('up')})`)], {
          badFrom: 1,
        }),
        stat('Replicas behind', 'Of all streams', 'short', [line(`sum(${ofStreams('replicas_behind')})`)], {
          badFrom: 1,
        }),
        stat(
          'Fullest stream',
          'Of its bound',
          'percentunit',
          [line(`max(pressferry_jetstream_stream_bytes{${OURS}} / pressferry_jetstream_stream_max_bytes{${OURS}})`)],
          { badFrom: 0.8 },
        ),
        stat(
          'Oldest message',
          'That a consumer has not acknowledged',
          's',
          [line(`max(${ofConsumers('oldest_age_seconds')})`)],
          { badFrom: 300 },
        ),
        graph('Bytes', 'In each stream', 'bytes', [line(ofStreams('bytes'), '{{stream}}')]),
        graph(
          'Fill',
          'Of the bound of each stream; at 1 it refuses',
          'percentunit',
          [
            line(
              `max by (stream) (pressferry_jetstream_stream_bytes{${OURS}} / pressferry_jetstream_stream_max_bytes{${OURS}})`,
              '{{stream}}',
            ),
          ],
          { badFrom: 0.8 },
        ),
        graph('Messages', 'In each stream', 'short', [line(ofStreams('messages'), '{{stream}}')]),
        graph('Not yet delivered', 'To each consumer', 'short', [
          line(ofConsumers('pending'), '{{stream}} {{consumer}}'),
        ]),
        graph('Delivered, not acknowledged', 'And how many of these more than once', 'short', [
          line(ofConsumers('ack_pending'), '{{stream}} {{consumer}}'),
          line(ofConsumers('redelivered'), '{{stream}} {{consumer}} again'),
        ]),
        graph('Oldest message not acknowledged', 'Of each consumer', 's', [
          line(ofConsumers('oldest_age_seconds'), '{{stream}} {{consumer}}'),
        ]),
      ],
    },
    {
      title: 'Postgres',
      panels: [
        graph('Reached', 'Processes that reach it', 'short', [
          line(`sum(pressferry_enricher_database_up{${OURS}})`, 'enricher'),
          line(`sum(pressferry_callback_database_up{${OURS}})`, 'callback'),
        ]),
        stat(
          'Days ahead',
          'Beyond today, whose partitions are made',
          'short',
          [line(`min(pressferry_enricher_future_partitions{${OURS}})`)],
          { badBelow: 2 },
        ),
        graph('Queues in it', 'Due and held', 'short', [
          line(`max(pressferry_enricher_due_runs{${OURS}})`, 'runs due'),
          line(`max(pressferry_callback_due_deliveries{${OURS}})`, 'deliveries due'),
          line(`sum(max by (site_status) (pressferry_enricher_held_runs{${OURS}}))`, 'runs held'),
          line(`max(pressferry_callback_held_deliveries{${OURS}})`, 'deliveries held'),
        ]),
        sqlTable(
          'Tables',
          'What the product keeps, by size',
          `select relname as "table", n_live_tup as "rows", n_dead_tup as "dead rows", pg_size_pretty(pg_total_relation_size(relid)) as "size", greatest(last_autovacuum, last_vacuum) as "vacuumed"
from pg_stat_user_tables order by pg_total_relation_size(relid) desc limit 20`,
        ),
        sqlTable(
          'Connections',
          'By who holds them, and how long the oldest transaction of each runs',
          `select application_name as "application", state, count(*) as "connections", max(now() - xact_start) as "oldest transaction"
from pg_stat_activity where datname = current_database() group by 1, 2 order by 3 desc`,
        ),
      ],
    },
  ],
};
