<?php
namespace Pressferry\Tests;

/**
 * The refused event arrives without another event's help.
 */
final class RecoveryTest extends ScenarioCase {
	private static function refusal( string $code, int $status ): array {
		return FakeIngress::response( $status, array( 'status' => $status, 'code' => $code ), array( 'content-type' => 'application/problem+json' ) );
	}

	private function fail_until_dead( int $id ): void {
		for ( $tries = 0; $tries < 4; $tries++ ) {
			$this->later();
			$this->tick();
		}
		$this->assertSame( 'dead', $this->status( $id ) );
	}

	public function test_a_lonely_event_whose_tries_are_used_up_is_sent_by_ticks_alone(): void {
		$id = $this->publish();
		$this->answer( FakeIngress::response( 502, 'Bad Gateway' ) );
		$this->fail_until_dead( $id );
		$this->answer( FakeIngress::accepted() );
		$this->later();
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
	}

	public function test_probes_of_a_dead_event_grow_apart_and_never_end(): void {
		$id = $this->publish();
		$this->answer( FakeIngress::response( 502, 'Bad Gateway' ) );
		$this->fail_until_dead( $id );
		$waits = array();
		for ( $probe = 0; $probe < 12; $probe++ ) {
			$this->later();
			$this->tick();
			$this->assertSame( 'dead', $this->status( $id ) );
			$waits[] = (int) $this->rows()[0]['next_attempt_at'] / 1000 - time();
		}
		$this->assertGreaterThanOrEqual( 1200, $waits[0] );
		$this->assertLessThanOrEqual( 3600, $waits[0] );
		$this->assertGreaterThanOrEqual( 4 * 3600, $waits[11] );
		$this->assertLessThanOrEqual( 6 * 3600 + 1, $waits[11], 'a backend that is back is noticed within six hours' );
		$this->assertCount( 16, $this->ingress->requests );
	}

	public function test_events_refused_for_a_wrong_secret_are_all_sent_by_ticks_once_it_is_right(): void {
		update_option( 'pressferry_hmac_secret', 'mistyped' );
		for ( $i = 0; $i < 15; $i++ ) {
			$this->publish();
		}
		$this->answer( self::refusal( 'signature_mismatch', 401 ) );
		$this->tick();
		$this->tick();
		$this->assertCount( 1, $this->ingress->requests, 'one refusal of the site is enough' );
		update_option( 'pressferry_hmac_secret', PluginTestCase::SECRET );
		$this->answer( FakeIngress::accepted() );
		$this->tick();
		$this->tick();
		$this->assertCount( 15, $this->rows( "status = 'sent'" ) );
	}

	public function test_events_refused_because_the_operator_disabled_the_site_are_sent_when_it_is_resumed(): void {
		for ( $i = 0; $i < 12; $i++ ) {
			$this->publish();
		}
		$this->answer( self::refusal( 'site_disabled', 403 ) );
		$this->tick();
		$this->answer( FakeIngress::accepted() );
		$this->later();
		$this->tick();
		$this->assertCount( 12, $this->rows( "status = 'sent'" ) );
	}

	public function test_a_type_that_is_switched_off_does_not_hold_back_the_others(): void {
		$off   = $this->publish();
		$other = $this->publish();
		$this->answer( self::refusal( 'event_type_off', 403 ), FakeIngress::accepted() );
		$this->tick();
		$this->assertSame( array( 'held', 'sent' ), array( $this->status( $off ), $this->status( $other ) ) );
	}

	public function test_one_event_that_the_backend_cannot_digest_is_not_tried_with_every_other_event(): void {
		global $wpdb;
		$poison = $this->publish();
		$this->answer( FakeIngress::response( 500, '' ) );
		$this->fail_until_dead( $poison );
		$wpdb->query( "DELETE FROM {$wpdb->options} WHERE option_name = '_pressferry_breaker'" );
		$this->answer( FakeIngress::accepted() );
		$before = count( $this->ingress->requests );
		for ( $i = 0; $i < 5; $i++ ) {
			$this->publish();
			$this->tick();
		}
		$this->assertCount( 5, array_slice( $this->ingress->requests, $before ) );
		$this->assertSame( 'dead', $this->status( $poison ) );
	}

	public function test_an_outage_ends_with_one_probe_and_everything_that_waited_follows_at_once(): void {
		for ( $i = 0; $i < 25; $i++ ) {
			$this->publish();
		}
		$this->answer( new \WP_Error( 'http_request_failed', 'cURL error 7: Connection refused' ) );
		for ( $i = 0; $i < 6; $i++ ) {
			$this->later();
			$this->tick();
		}
		$tried = count( $this->ingress->requests );
		$this->assertLessThanOrEqual( 7, $tried, 'two tries, then one for each time the breaker lets one through' );
		$this->answer( FakeIngress::accepted() );
		$this->later();
		$this->tick();
		$this->assertCount( 25, $this->rows( "status = 'sent'" ) );
	}

	public function test_what_the_former_version_gave_up_by_mistake_is_taken_up_again(): void {
		global $wpdb;
		$cases = array(
			array( 'refused', 401, 'token_key_unknown', 'sent' ),
			array( 'refused', 404, 'http_404', 'sent' ),
			array( 'refused', 200, 'unexpected_answer', 'sent' ),
			array( 'refused', 422, 'timestamp_drift', 'sent' ),
			array( 'dead', 503, 'http_503', 'sent' ),
			array( 'refused', 422, 'data_invalid', 'refused' ),
		);
		$ids   = array();
		foreach ( $cases as $case ) {
			$id    = $this->publish();
			$ids[] = $id;
			$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->prefix}pressferry_outbox SET status = %s, last_status = %d, last_error = %s WHERE object_ref = %s", $case[0], $case[1], $case[2], (string) $id ) );
		}
		$wpdb->query( "ALTER TABLE {$wpdb->prefix}pressferry_outbox DROP COLUMN wire_occurred_at, DROP COLUMN clock_offset" );
		update_option( 'pressferry_schema', '1' );
		$this->tick();
		$this->tick();
		foreach ( $cases as $index => $case ) {
			$this->assertSame( $case[3], $this->status( $ids[ $index ] ), $case[2] );
		}
	}

	public function test_what_a_script_imports_while_the_backend_is_down_all_arrives(): void {
		$this->answer( new \WP_Error( 'http_request_failed', 'no route to host' ) );
		for ( $i = 0; $i < 120; $i++ ) {
			wp_insert_post( array( 'post_title' => "imported $i", 'post_name' => "imported-$i-" . wp_generate_uuid4(), 'post_content' => 'x', 'post_status' => 'publish' ) );
		}
		$this->end_request();
		for ( $i = 0; $i < 6; $i++ ) {
			$this->later();
			$this->tick();
		}
		$this->assertCount( 120, $this->rows() );
		$this->answer( FakeIngress::accepted() );
		for ( $i = 0; $i < 6 && count( $this->rows( "status = 'sent'" ) ) < 120; $i++ ) {
			$this->later();
			$this->tick();
		}
		$this->assertCount( 120, $this->rows( "status = 'sent'" ) );
	}
}
