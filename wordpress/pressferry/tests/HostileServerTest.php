<?php
namespace Pressferry\Tests;

/**
 * Servers as some hosts set them up: each case is another WordPress in another process.
 */
final class HostileServerTest extends ScenarioCase {
	/**
	 * Runs code in another WordPress on the same database.
	 *
	 * @param string[] $ini    Settings of PHP.
	 * @param string   $before What wp-config.php would say.
	 * @return string What it printed.
	 */
	private static function elsewhere( string $code, array $ini = array(), string $before = '' ): string {
		if ( false === getenv( 'PRESSFERRY_TEST_WORDPRESS' ) ) {
			self::markTestSkipped( 'PHP in WebAssembly starts no other process' );
		}
		$worker = (string) tempnam( get_temp_dir(), 'elsewhere' );
		$tests  = var_export( __DIR__, true );
		file_put_contents( $worker, "<?php\n\$_SERVER['HTTP_HOST'] = 'site.example'; $before\nrequire $tests . '/support/native.php';\nforeach ( array( 'FakeIngress' ) as \$x ) { require $tests . \"/support/\$x.php\"; }\n$code\n" );
		$options = '';
		foreach ( $ini as $setting ) {
			$options .= ' -d ' . escapeshellarg( $setting );
		}
		exec( escapeshellarg( PHP_BINARY ) . ' -d display_errors=stderr -d log_errors=0 -d error_log=/dev/null' . $options . ' ' . escapeshellarg( $worker ) . ' 2>&1', $printed );
		unlink( $worker );
		return implode( "\n", $printed );
	}

	const PUBLISH = 'echo wp_insert_post( array( "post_title" => "Fog", "post_name" => wp_generate_uuid4(), "post_content" => "x", "post_status" => "publish" ) ) > 0 ? "published" : "not";';

	public function test_requests_that_wp_config_stops_are_called_that_and_not_good(): void {
		$code = '$tests = apply_filters( "site_status_tests", array() )["direct"]; echo call_user_func( $tests["pressferry_configuration"]["test"] )["status"], " ", call_user_func( $tests["pressferry_configuration"]["test"] )["description"];';
		$this->assertStringContainsString( 'good', self::elsewhere( $code ) );
		$blocked = self::elsewhere( $code, array(), 'define( "WP_HTTP_BLOCK_EXTERNAL", true );' );
		$this->assertStringContainsString( 'critical', $blocked );
		$this->assertStringContainsString( 'WP_ACCESSIBLE_HOSTS', $blocked );
		$this->assertStringContainsString( 'good', self::elsewhere( $code, array(), 'define( "WP_HTTP_BLOCK_EXTERNAL", true ); define( "WP_ACCESSIBLE_HOSTS", "203.0.113.10" );' ) );
		update_option( 'pressferry_results_url', 'https://203.0.113.30' );
		$results = self::elsewhere( $code, array(), 'define( "WP_HTTP_BLOCK_EXTERNAL", true ); define( "WP_ACCESSIBLE_HOSTS", "203.0.113.10" );' );
		delete_option( 'pressferry_results_url' );
		$this->assertStringContainsString( 'critical', $results, 'without the results\' host half of it works' );
	}

	public function test_functions_that_a_host_took_away_cost_no_event_and_no_request(): void {
		foreach ( array( 'error_log', 'ignore_user_abort,openssl_sign,flock,usleep,set_time_limit,gethostbyname' ) as $functions ) {
			$before  = count( $this->rows() );
			$printed = self::elsewhere( 'add_filter( "pressferry_event_payload", function () { static $n = 0; if ( 1 === ++$n ) { throw new Error( "x" ); } return array( "title" => "x" ); } ); echo "[";' . self::PUBLISH . self::PUBLISH . 'do_action( "shutdown" ); do_action( "pressferry_tick" ); echo "]";', array( "disable_functions=$functions" ) );
			$this->assertStringContainsString( '[publishedpublished]', $printed, $functions );
			$this->assertCount( $before + 1, $this->rows(), $functions );
		}
	}

	public function test_a_home_url_that_wp_config_makes_of_the_request_is_no_other_site_where_there_is_no_request(): void {
		global $wpdb;
		$home = (string) $wpdb->get_var( "SELECT option_value FROM {$wpdb->options} WHERE option_name = 'home'" );
		( new \Pressferry\Config() )->store( 'ENROLLED_HOME', $home );
		$code    = '$config = new Pressferry\Config(); echo "[", Pressferry\Config::home(), "|", $config->copy_of(), "]";';
		$printed = self::elsewhere( $code, array( 'display_errors=0' ), 'unset( $_SERVER["HTTP_HOST"] ); define( "WP_HOME", "http://" . ( $_SERVER["HTTP_HOST"] ?? "" ) );' );
		delete_option( 'pressferry_enrolled_home' );
		$this->assertStringContainsString( "[$home|]", $printed );
	}

	public function test_a_server_without_openssl_is_told_that_and_not_that_the_key_is_wrong(): void {
		$code = '$tests = apply_filters( "site_status_tests", array() )["direct"]; echo call_user_func( $tests["pressferry_configuration"]["test"] )["description"];';
		$this->assertStringContainsString( 'openssl', self::elsewhere( $code, array( 'disable_functions=openssl_sign' ) ) );
	}

	public function test_a_key_file_outside_of_what_php_may_open_is_called_that_without_a_warning(): void {
		delete_option( 'pressferry_private_key' );
		update_option( 'pressferry_private_key_file', '/etc/ssl/private/key.pem' );
		$dirs    = implode( PATH_SEPARATOR, array( ABSPATH, dirname( __DIR__ ), realpath( dirname( __DIR__ ) ), WP_CONTENT_DIR, get_temp_dir(), '/usr/share', '/var/lib/wordpress', '/etc/wordpress' ) );
		$printed = self::elsewhere( 'echo "[", implode( " ", ( new Pressferry\Config() )->missing() ), "]";', array( "open_basedir=$dirs" ) );
		delete_option( 'pressferry_private_key_file' );
		$this->assertStringContainsString( '[the file that PRESSFERRY_PRIVATE_KEY_FILE', $printed );
		$this->assertStringNotContainsString( 'key.pem', $printed );
	}

	public function test_a_post_of_five_megabytes_takes_at_most_32_megabytes_to_record(): void {
		$code = 'remove_all_filters( "content_save_pre" ); $n = str_repeat( "<!-- wp:paragraph -->\n<p>The ferry waits for fog, 🚢 and sails.</p>\n<!-- /wp:paragraph -->\n\n", 60000 ); echo strlen( $n ) > 5000000 ? "large " : "small "; global $wpdb; $wpdb->insert( $wpdb->posts, array( "post_title" => "Long", "post_content" => "", "post_status" => "draft", "post_name" => wp_generate_uuid4() ) ); $id = $wpdb->insert_id; add_filter( "get_post_metadata", "__return_empty_array" ); $post = get_post( $id ); $post->post_content = $n; unset( $n ); $post->post_status = "publish"; wp_cache_set( $id, $post, "posts" ); $m = memory_get_usage(); wp_transition_post_status( "publish", "draft", $post ); do_action( "pressferry_capture" ); echo "took ", intdiv( memory_get_peak_usage() - $m, 1048576 ), " MB";';
		$printed = self::elsewhere( $code, array( 'memory_limit=96M' ) );
		$this->assertStringContainsString( 'large took', $printed );
		$rows = $this->rows( "event_type = 'post.published' AND payload LIKE '%truncated%'" );
		$this->assertCount( 1, $rows, $printed );
		$this->assertSame( 1, preg_match( '/took (\d+) MB/', $printed, $found ) );
		$this->assertLessThanOrEqual( 32, (int) $found[1], $printed );
	}
}
