<?php
namespace Pressferry\Tests;

use Pressferry\Clock;

/**
 * An event that waited for longer than the backend takes is stamped again, and says when it happened.
 */
final class OldEventTest extends ScenarioCase {
	const DAY_MS = 86400000;

	private function publish_days_ago( int $days ): int {
		global $wpdb;
		$id = $this->publish();
		$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->prefix}pressferry_outbox SET occurred_at = occurred_at - %d, clock_offset = 0 WHERE object_ref = %s", $days * self::DAY_MS, (string) $id ) );
		return $id;
	}

	private function sent_bodies(): array {
		return array_map( static function ( $request ) {
			return json_decode( $request['body'], true );
		}, $this->ingress->requests );
	}

	public function test_an_event_of_four_days_ago_arrives_and_says_in_its_meta_when_it_happened(): void {
		$backend = new StrictIngress( 0 );
		$this->answer( $backend );
		$id = $this->publish_days_ago( 4 );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
		$body = $backend->taken[0];
		$this->assertLessThanOrEqual( 10000, abs( $backend->now_ms() - Clock::parse_ms( $body['occurred_at'] ) ) );
		$this->assertLessThanOrEqual( 10000, abs( $backend->now_ms() - 4 * self::DAY_MS - Clock::parse_ms( $body['data']['meta']['original_occurred_at'] ) ) );
		$this->assertSame( 'Fog', $body['data']['title'] );
	}

	public function test_one_that_is_younger_is_sent_as_it_was_frozen(): void {
		$this->publish_days_ago( 2 );
		$this->tick();
		$body = $this->sent_bodies()[0];
		$this->assertFalse( isset( $body['data']['meta'] ) );
		$this->assertLessThanOrEqual( 10000, abs( time() * 1000 - 2 * self::DAY_MS - Clock::parse_ms( $body['occurred_at'] ) ) );
	}

	public function test_the_stamp_stays_over_the_tries_for_under_one_key_the_backend_takes_one_event(): void {
		$this->publish_days_ago( 4 );
		$this->answer( FakeIngress::response( 503 ), FakeIngress::response( 503 ), FakeIngress::accepted() );
		for ( $i = 0; $i < 3; $i++ ) {
			$this->later();
			$this->tick();
		}
		$bodies = $this->sent_bodies();
		$this->assertCount( 3, $bodies );
		foreach ( $bodies as $body ) {
			unset( $body['sent_at'], $bodies[0]['sent_at'] );
			$this->assertSame( $bodies[0], $body );
		}
	}

	public function test_a_refusal_of_a_reused_key_says_that_an_earlier_try_has_arrived(): void {
		global $wpdb;
		$id = $this->publish();
		$this->answer( new \WP_Error( 'http_request_failed', 'cURL error 28: timed out' ) );
		$this->tick();
		$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET occurred_at = occurred_at - 345600000, wire_occurred_at = wire_occurred_at - 345600000" );
		$this->answer( FakeIngress::response( 422, array( 'code' => 'idempotency_key_reused' ), array( 'content-type' => 'application/problem+json' ) ) );
		$this->later();
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
	}

	public function test_the_meta_that_an_event_has_already_stays_and_empty_maps_stay_maps(): void {
		add_filter( 'pressferry_event_payload', static function ( $data ) {
			return $data + array( 'meta' => array( 'team' => 'blue', 'none' => new \stdClass() ) );
		} );
		$this->publish_days_ago( 4 );
		remove_all_filters( 'pressferry_event_payload' );
		$this->tick();
		$this->assertStringContainsString( '"meta":{"team":"blue","none":{},"original_occurred_at":"', $this->ingress->requests[0]['body'] );
	}
}
