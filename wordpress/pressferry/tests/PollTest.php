<?php
namespace Pressferry\Tests;

use Pressferry\Admin\Area;
use Pressferry\Backend\Heartbeat;
use Pressferry\Backend\Poll;
use Pressferry\Backend\RoundTrip;
use Pressferry\Uuid;

require_once ABSPATH . 'wp-admin/includes/admin.php';

final class PollTest extends ScenarioCase {
	protected function setUp(): void {
		parent::setUp();
		update_option( 'pressferry_results_url', 'https://203.0.113.30' );
	}

	protected function tearDown(): void {
		delete_option( 'pressferry_results_url' );
		remove_all_filters( 'pressferry_result_post.published' );
		parent::tearDown();
	}

	private function body( int $post_id, array $members = array() ): array {
		$event = $this->rows( "object_ref = '$post_id'" )[0];
		return $members + array( 'result_id' => Uuid::v4(), 'request_id' => Uuid::v4(), 'idempotency_key' => $event['idempotency_key'], 'event_type' => $event['event_type'], 'object_ref' => $event['object_ref'], 'automation' => 'any', 'status' => 'succeeded', 'output' => array( 'summary' => 'x' ), 'completed_at' => gmdate( 'Y-m-d\TH:i:s.000\Z' ) );
	}

	private static function page( array $results, string $cursor, bool $more = false ): array {
		return FakeIngress::response( 200, array( 'results' => $results, 'cursor' => $cursor, 'has_more' => $more ), array( 'content-type' => 'application/json' ) );
	}

	private function polls(): array {
		return array_values( preg_grep( '#/results#', array_column( $this->ingress->requests, 'url' ) ) );
	}

	/**
	 * @return int A post whose event was sent so many minutes ago.
	 */
	private function sent( int $minutes ): int {
		global $wpdb;
		$id = $this->publish();
		$this->answer( FakeIngress::accepted(), FakeIngress::response( 200, array( 'status' => 'active' ) ) );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
		$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->prefix}pressferry_outbox SET finished_at = finished_at - %d WHERE object_ref = %s", $minutes * 60000, (string) $id ) );
		$this->ingress->requests = array();
		return $id;
	}

	public function test_results_that_were_not_pushed_are_fetched_page_by_page_stored_once_and_told_by_the_typed_action(): void {
		$id   = $this->sent( 3 );
		$told = array();
		add_action( 'pressferry_result_post.published', static function ( $result ) use ( &$told ) {
			$told[] = $result['result_id'];
		} );
		list( $one, $two ) = array( $this->body( $id ), $this->body( $id ) );
		$this->answer( self::page( array( $one ), 'c1', true ), self::page( array( $one, $two ), 'c2' ) );
		$this->tick();
		$this->assertSame( array( 'https://203.0.113.30/results?limit=20', 'https://203.0.113.30/results?limit=20&since=c1' ), $this->polls() );
		$this->assertSame( array( $one['result_id'], $two['result_id'] ), $told );
		$this->assertCount( 2, pressferry_get_results( $id ) );
		$this->ingress->requests = array();
		$this->tick();
		$this->assertSame( array(), $this->polls(), 'nothing is missing any more' );
	}

	public function test_a_push_has_its_time_and_then_polls_keep_their_distance(): void {
		$this->sent( 1 );
		$this->answer( self::page( array(), 'c' ) );
		$this->tick();
		$this->assertCount( 0, $this->polls(), 'a push may still come' );
		$this->sent( 3 );
		$this->answer( self::page( array(), 'c' ) );
		$this->tick();
		$this->tick();
		$this->assertCount( 1, $this->polls() );
	}

	public function test_a_result_that_the_database_does_not_take_is_fetched_again_from_the_same_place(): void {
		global $wpdb;
		$id     = $this->sent( 3 );
		$result = $this->body( $id );
		$this->answer( self::page( array( $result ), 'c1' ) );
		$fail = static function ( $query ) {
			return false !== strpos( $query, 'INTO ' . $GLOBALS['wpdb']->prefix . 'pressferry_inbox' ) ? 'SELECT no_such_column' : $query;
		};
		add_filter( 'query', $fail );
		$wpdb->suppress_errors( true );
		$outcome = self::part( 'poll' )->poll();
		$wpdb->suppress_errors( false );
		remove_filter( 'query', $fail );
		$this->assertSame( array( false, 'not_stored' ), array( $outcome['ok'], $outcome['code'] ) );
		$this->assertSame( 1, self::part( 'poll' )->poll()['stored'] );
		$this->assertSame( 'https://203.0.113.30/results?limit=20', $this->polls()[1] );
	}

	public function test_a_result_of_no_event_of_this_site_is_passed_by_and_a_forgotten_place_begins_anew(): void {
		$id = $this->sent( 3 );
		$this->answer( self::page( array( $this->body( $id, array( 'idempotency_key' => Uuid::v4() ) ) ), 'c1' ) );
		$this->assertSame( 1, self::part( 'poll' )->poll()['others'] );
		$this->answer( FakeIngress::response( 400, array( 'code' => 'parameter_invalid' ), array( 'content-type' => 'application/problem+json' ) ), self::page( array( $this->body( $id ) ), 'c9' ) );
		$this->assertSame( 1, self::part( 'poll' )->poll()['stored'] );
	}

	public function test_a_heartbeat_is_sent_hourly_and_after_trouble_and_names_nobody(): void {
		$this->answer( FakeIngress::response( 200, array( 'status' => 'active' ) ) );
		$beats = function (): int {
			return count( preg_grep( '#/heartbeat#', array_column( $this->ingress->requests, 'url' ) ) );
		};
		$this->tick();
		$this->tick();
		$this->assertSame( 1, $beats() );
		$body = json_decode( $this->ingress->requests[0]['body'], true );
		$this->assertSame( array( 'home_url', 'is_copy', 'plugin_version', 'wordpress_version', 'php_version', 'counts', 'oldest_pending_s', 'clock_offset_ms', 'key_age_s', 'cron_late_s' ), array_keys( $body ) );
		$at = static function ( int $minutes, bool $trouble ): void {
			\Pressferry\State\State::put( Heartbeat::STATE, array( 'at' => ( time() - 60 * $minutes ) * 1000, 'trouble' => $trouble ) );
		};
		$at( 30, false );
		$this->tick();
		$this->assertSame( 1, $beats() );
		$at( 61, false );
		$this->tick();
		$this->assertSame( 2, $beats() );
		$at( 6, true );
		$this->tick();
		$this->assertSame( 3, $beats(), 'trouble has ended' );
	}

	public function test_a_secret_that_the_operator_replaced_is_replaced_here_too(): void {
		$this->answer( FakeIngress::response( 200, array( 'status' => 'active', 'rotate_secret' => true ) ), FakeIngress::response( 200, array( 'secret' => 'the newest', 'former_valid_until' => 'x' ) ) );
		$this->tick();
		$this->assertSame( array( 'the newest', PluginTestCase::SECRET ), ( new \Pressferry\Config() )->secrets() );
		delete_option( 'pressferry_hmac_secret_previous' );
		delete_option( 'pressferry_previous_until' );
	}

	public function test_the_way_of_a_test_event_is_told_step_by_step_and_a_late_push_is_fetched(): void {
		$method = new \ReflectionMethod( Area::class, 'trip' );
		$method->setAccessible( true );
		$trip = $method->invoke( self::hooked( 'admin_menu', Area::class ) );
		$this->answer( new \WP_Error( 'http_request_failed', 'cURL error 7' ) );
		$trip->start();
		$this->assertSame( array( 'failed', 'network_error' ), array( $trip->look()['steps']['sent'], $trip->look()['code'] ) );
		$this->answer( FakeIngress::response( 401, array( 'code' => 'site_unknown' ), array( 'content-type' => 'application/problem+json' ) ) );
		$trip->start();
		$this->assertSame( array( 'done', 'failed' ), array_slice( array_values( $trip->look()['steps'] ), 0, 2 ) );
		$this->answer( FakeIngress::accepted() );
		$trip->start();
		$this->assertSame( array( 'done', 'done', 'waiting', 'not_reached' ), array_values( $trip->look()['steps'] ) );
		$state       = \Pressferry\State\State::map( RoundTrip::STATE );
		$state['at'] = ( time() - 20 ) * 1000;
		\Pressferry\State\State::put( RoundTrip::STATE, $state );
		$event = $this->rows( "event_type = 'pressferry.test'" )[0];
		$this->answer( FakeIngress::response( 404, array( 'code' => 'result_unknown' ), array( 'content-type' => 'application/problem+json' ) ) );
		$this->assertSame( 'waiting', $trip->look()['steps']['processed'] );
		$this->answer( FakeIngress::response( 200, array( 'results' => array( array( 'object_ref' => 'test', 'event_type' => 'pressferry.test', 'idempotency_key' => $event['idempotency_key'], 'result_id' => Uuid::v4(), 'request_id' => Uuid::v4(), 'automation' => 'pressferry.test', 'status' => 'succeeded', 'output' => array( 'answered' => true ), 'completed_at' => gmdate( 'Y-m-d\TH:i:s.000\Z' ) ) ) ) ) );
		$found = $trip->look();
		$this->assertSame( array( array( 'done', 'done', 'done', 'done' ), 'poll', true ), array( array_values( $found['steps'] ), $found['by'], $found['over'] ) );
	}
}
