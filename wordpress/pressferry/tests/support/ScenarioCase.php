<?php
namespace Pressferry\Tests;

use PHPUnit\Framework\TestCase;
use Pressferry\Admin\Area;
use Pressferry\Callback\Inbox;
use Pressferry\Callback\Results;
use Pressferry\Clock;
use Pressferry\Outbox\Outbox;
use Pressferry\Uuid;

/**
 * The plugin as WordPress runs it: configured by options, driven by WordPress' own functions and hooks, judged by what is in the
 * database and what was sent.
 */
abstract class ScenarioCase extends TestCase {
	/** @var FakeIngress */
	protected $ingress;

	protected function setUp(): void {
		global $wpdb;
		// What an earlier test left for the end of its request.
		$this->end_request();
		do_action( 'pressferry_tick' );
		$wpdb->suppress_errors( true );
		$wpdb->query( "DELETE FROM {$wpdb->prefix}pressferry_outbox" );
		$wpdb->query( "DELETE FROM {$wpdb->prefix}pressferry_inbox" );
		$wpdb->suppress_errors( false );
		$this->forget_state();
		$settings = array(
			'site_id'     => 'harbour',
			'kid'         => 'rsa-1',
			'private_key' => PluginTestCase::vectors( 'keys' )['keys']['rs256']['private_key'],
			'hmac_secret' => PluginTestCase::SECRET,
			'ingress_url' => 'https://203.0.113.10/ingest',
		);
		foreach ( $settings as $name => $value ) {
			update_option( 'pressferry_' . $name, $value );
		}
		$this->ingress = new FakeIngress();
		$this->ingress->install();
	}

	protected function tearDown(): void {
		$this->ingress->remove();
		foreach ( array( 'site_id', 'kid', 'private_key', 'hmac_secret', 'ingress_url' ) as $name ) {
			delete_option( 'pressferry_' . $name );
		}
		$this->forget_state();
	}

	/**
	 * @return int The id of a post that was published now.
	 */
	protected function publish( array $fields = array() ): int {
		$id = wp_insert_post( $fields + array( 'post_title' => 'Fog', 'post_name' => wp_generate_uuid4(), 'post_content' => 'The ferry waits.', 'post_status' => 'publish' ) );
		$this->end_request();
		return $id;
	}

	/**
	 * What WordPress does when a request is over, as far as events are written then.
	 */
	protected function end_request(): void {
		do_action( 'pressferry_capture' );
	}

	protected function rows( string $where = '1 = 1' ): array {
		global $wpdb;
		return (array) $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pressferry_outbox WHERE $where ORDER BY id", ARRAY_A );
	}

	protected function status( int $post_id ): string {
		$rows = $this->rows( "object_ref = '$post_id'" );
		return 1 === count( $rows ) ? $rows[0]['status'] : count( $rows ) . ' rows';
	}

	protected function tick(): void {
		do_action( 'pressferry_tick' );
	}

	/**
	 * Lets time pass for everything that waits, by moving its time.
	 */
	protected function later(): void {
		global $wpdb;
		$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET next_attempt_at = 0 WHERE status <> 'refused'" );
		$breaker = json_decode( (string) $wpdb->get_var( "SELECT option_value FROM {$wpdb->options} WHERE option_name = '_pressferry_breaker'" ), true );
		if ( is_array( $breaker ) ) {
			$breaker['until'] = min( (int) ( $breaker['until'] ?? 0 ), 1 );
			$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->options} SET option_value = %s WHERE option_name = '_pressferry_breaker'", wp_json_encode( $breaker ) ) );
		}
	}

	protected function answer( ...$answers ): void {
		$this->ingress->answers = $answers;
	}

	/**
	 * The plugin's part that is hooked in there: the hook itself would run WordPress' own callbacks too, which want a screen.
	 */
	protected static function hooked( string $hook, string $class ): object {
		foreach ( $GLOBALS['wp_filter'][ $hook ]->callbacks as $callbacks ) {
			foreach ( $callbacks as $callback ) {
				if ( is_array( $callback['function'] ) && $callback['function'][0] instanceof $class ) {
					return $callback['function'][0];
				}
			}
		}
		self::fail( "no $class at $hook" );
	}

	/**
	 * An object that the plugin made once, by its name: `identity`, `outbox`.
	 */
	protected static function part( string $name ): object {
		$parts = new \ReflectionProperty( Area::class, 'parts' );
		$parts->setAccessible( true );
		return $parts->getValue( self::hooked( 'admin_menu', Area::class ) )[ $name ];
	}

	/**
	 * Receives a result for the event of that type about that object.
	 */
	protected function receive( string $ref, array $output, string $type = 'post.published' ): void {
		$event  = $this->rows( "object_ref = '$ref' AND event_type = '$type'" )[0];
		$stored = ( new Results( new Inbox( new Clock() ), new Outbox( new Clock() ) ) )->receive(
			array(
				'result_id'       => Uuid::v4(),
				'request_id'      => Uuid::v4(),
				'idempotency_key' => $event['idempotency_key'],
				'event_type'      => $type,
				'object_ref'      => $ref,
				'automation'      => 'any',
				'status'          => 'succeeded',
				'output'          => $output,
				'completed_at'    => gmdate( 'Y-m-d\TH:i:s.000\Z' ),
			)
		);
		$this->assertSame( 'stored', $stored['status'] );
	}

	private function forget_state(): void {
		global $wpdb;
		$wpdb->query( "DELETE FROM {$wpdb->options} WHERE option_name LIKE '\\_pressferry\\_%' OR option_name IN ('pressferry_paused_until_ms', 'pressferry_clock_offset_ms')" );
		wp_cache_flush();
	}
}
