import type { NativeSite } from '../lanes/native-site.ts';

/** What recording an event costs, and what a request costs that records none. */
export interface RecordingFigures {
  events: number;
  p50Ms: number;
  p95Ms: number;
  queriesPerEvent: number;
  /** Queries of a page that records nothing, over those without the plugin. */
  idleQueries: number;
  autoloadedOptions: number;
  /** Peak memory of a dispatch of 300 events, over that of the process before. */
  dispatchMemoryMb: number;
}

const SCRIPT = `
global $wpdb;
$wpdb->query( "DELETE FROM {$wpdb->options} WHERE option_name = '_pressferry_breaker'" );
$times = array(); $queries = array();
for ( $i = -1; $i < 300; $i++ ) {
	$id      = wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_author' => 'G', 'comment_content' => "bench $i " . wp_generate_uuid4(), 'comment_approved' => 1, 'comment_type' => 'order_note' ) );
	$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->comments} SET comment_type = 'comment' WHERE comment_ID = %d", $id ) );
	clean_comment_cache( $id );
	$comment = get_comment( $id );
	get_post( 1 );
	$before  = $wpdb->num_queries; $start = hrtime( true );
	do_action( 'wp_insert_comment', $id, $comment );
	do_action( 'pressferry_capture' );
	// The first one makes the tables.
	if ( $i >= 0 ) { $times[] = ( hrtime( true ) - $start ) / 1e6; $queries[] = $wpdb->num_queries - $before; }
}
sort( $times );
$autoloaded = (int) $wpdb->get_var( "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name LIKE '%pressferry%' AND autoload IN ('yes','on','auto','auto-on')" );
memory_reset_peak_usage(); $base = memory_get_usage();
do_action( 'pressferry_tick' );
echo "\\nRESULT ", json_encode( array( 'events' => count( $times ), 'p50Ms' => round( $times[150], 2 ), 'p95Ms' => round( $times[285], 2 ), 'queriesPerEvent' => max( $queries ), 'autoloadedOptions' => $autoloaded, 'dispatchMemoryMb' => round( ( memory_get_peak_usage() - $base ) / 1048576, 2 ) ) );
`;

/** The must-use plugin that says how many queries a page took. */
export const COUNT_QUERIES = `
add_action( 'shutdown', function () {
	if ( isset( $_GET['count-queries'] ) ) { echo 'QUERIES ', get_num_queries(), "\\n"; }
}, 9999 );`;

async function queriesOfAPage(site: NativeSite): Promise<number> {
  const count = async () => {
    const page = await (await fetch(`${site.url}/?count-queries`)).text();
    return Number(/QUERIES (\d+)/.exec(page)?.[1]);
  };
  // What the first one fills, the second one finds.
  await count();
  return count();
}

export async function measureRecording(
  site: NativeSite,
  settings: Record<string, string>,
): Promise<RecordingFigures> {
  await site.configure(settings, { plugin: false });
  const without = await queriesOfAPage(site);
  await site.configure(settings);
  const idleQueries = (await queriesOfAPage(site)) - without;
  const output = await site.php(SCRIPT);
  const figures: RecordingFigures = { ...JSON.parse(/^RESULT (.*)$/m.exec(output)?.[1] ?? 'null'), idleQueries };
  console.log(
    `\nrecording: p50 ${figures.p50Ms} ms, p95 ${figures.p95Ms} ms, ${figures.queriesPerEvent} statement(s) an event; nothing recorded: ${figures.idleQueries} queries, ${figures.autoloadedOptions} autoloaded option(s); a dispatch takes ${figures.dispatchMemoryMb} MB`,
  );
  return figures;
}
