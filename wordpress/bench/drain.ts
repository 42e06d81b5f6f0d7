import type { NativeSite } from '../lanes/native-site.ts';
import type { FakeIngress } from './fake-ingress.ts';

export interface DrainFigures {
  rows: number;
  workers: number;
  seconds: number;
  perSecond: number;
  distinct: number;
}

const FILL = (rows: number) => `
global $wpdb;
$wpdb->query( "DELETE FROM {$wpdb->prefix}pressferry_outbox" );
$wpdb->query( "DELETE FROM {$wpdb->options} WHERE option_name = '_pressferry_breaker'" );
for ( $i = 0; $i < ${rows}; $i++ ) {
	$wpdb->insert( $wpdb->prefix . 'pressferry_outbox', array( 'idempotency_key' => wp_generate_uuid4(), 'dedupe_key' => "bench:$i", 'event_type' => 'post.published', 'object_ref' => (string) $i, 'payload' => '{"post_id":1,"title":"x","content":"' . str_repeat( 'a', 900 ) . '"}', 'occurred_at' => (int) ( microtime( true ) * 1000 ) ) );
}`;

// As WP-Cron would, minute by minute, without waiting for the minute.
const WORK = `
global $wpdb;
do {
	do_action( 'pressferry_tick' );
	$left = (int) $wpdb->get_var( "SELECT COUNT(*) FROM {$wpdb->prefix}pressferry_outbox WHERE status IN ('pending','sending')" );
	if ( $left > 0 ) { usleep( 20000 ); }
} while ( $left > 0 );`;

/** Lets two processes drain an outbox. */
export async function measureDrain(site: NativeSite, ingress: FakeIngress, rows: number): Promise<DrainFigures> {
  ingress.behaviour = 'healthy';
  ingress.taken.length = 0;
  await site.php(FILL(rows));
  const started = performance.now();
  const workers = 2;
  await Promise.all(Array.from({ length: workers }, () => site.php(WORK)));
  const seconds = (performance.now() - started) / 1000;
  const figures = {
    rows,
    workers,
    seconds: Math.round(seconds * 10) / 10,
    perSecond: Math.round(rows / seconds),
    distinct: new Set(ingress.taken).size,
  };
  console.log(
    `draining: ${rows} rows by ${workers} workers in ${figures.seconds} s, ${figures.perSecond}/s; ${ingress.taken.length} requests, ${figures.distinct} distinct`,
  );
  return figures;
}
