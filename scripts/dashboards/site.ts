import { type Dashboard, graph, line, OURS, sqlTable } from './panel.ts';

/** One site. No metric carries a site, for anybody could make as many as they like: this asks Postgres, in bounded time. */
export const site: Dashboard = {
  uid: 'pressferry-site',
  title: 'Pressferry / One site',
  description: 'Events, runs and deliveries of one site, from Postgres; its refusals from Prometheus',
  usesPostgres: true,
  variables: [{ name: 'site', label: 'Site', query: 'select site_id from sites order by 1', isSql: true }],
  rows: [
    {
      title: 'Now',
      panels: [
        sqlTable(
          'The site',
          'As it is registered',
          `select site_id as "site", status, issuer, callback_url as "callback", created_at as "since",
  (select max(created_at) from site_secrets where site_secrets.site_id = sites.site_id) as "newest secret",
  (select max(created_at) from site_keys where site_keys.site_id = sites.site_id) as "newest key"
from sites where site_id = \${site:sqlstring}`,
          24,
        ),
        graph('Not believed', 'Requests of ten minutes in the name of the site', 'short', [
          line(`sum by (reason) (pressferry_ingress_site_recent_refusals{${OURS}, site="$site"})`, '{{reason}}'),
        ]),
        sqlTable(
          'What waits',
          'Runs and deliveries that have not ended',
          `select 'runs' as "what", status, count(*) as "number", min(due_at) as "due since" from runs
where site_id = \${site:sqlstring} and status in ('pending', 'running', 'waiting') group by 2
union all
select 'deliveries', status, count(*), min(due_at) from deliveries
where site_id = \${site:sqlstring} and status in ('pending', 'held') group by 2`,
        ),
      ],
    },
    {
      title: 'The last day',
      panels: [
        sqlTable(
          'Events',
          'By type',
          `select event_type as "type", mode, count(*) as "events", max(received_at) as "last"
from events where site_id = \${site:sqlstring} and received_at > now() - interval '1 day' group by 1, 2 order by 3 desc limit 50`,
        ),
        sqlTable(
          'Runs',
          'By automation and state',
          `select automation, status, count(*) as "runs", percentile_cont(0.95) within group (order by extract(epoch from finished_at - created_at)) as "p95, s"
from runs where site_id = \${site:sqlstring} and created_at > now() - interval '1 day' group by 1, 2 order by 3 desc limit 50`,
        ),
        sqlTable(
          'Deliveries',
          'By state, with the last reason',
          `select status, failure_code as "reason", count(*) as "deliveries", max(created_at) as "last"
from deliveries where site_id = \${site:sqlstring} and created_at > now() - interval '1 day' group by 1, 2 order by 3 desc limit 50`,
        ),
        sqlTable(
          'Given up',
          'The last twenty failed runs: `pressferry events show <request>` tells of one',
          `select request_id as "request", automation, finished_at as "ended" from runs
where site_id = \${site:sqlstring} and status = 'failed' order by finished_at desc limit 20`,
        ),
      ],
    },
  ],
};
