<?php
namespace Pressferry\Tests;

use Pressferry\Clock;
use Pressferry\State\State;

/**
 * A clock that is wrong, in either direction, or that is put right meanwhile, loses nothing.
 */
final class WrongClockTest extends ScenarioCase {
	const OFFSETS_S = array( 'slow by 20 minutes' => 1200, 'fast by 20 minutes' => -1200, 'slow by 13 hours' => 46800, 'fast by 13 hours' => -46800, 'slow by 80 hours' => 288000, 'fast by 80 hours' => -288000, 'in 1970' => 1795000000, 'beyond 2038' => -12 * 31557600 );

	private function backend( int $ahead_s ): StrictIngress {
		$backend = new StrictIngress( $ahead_s );
		$this->answer( $backend );
		return $backend;
	}

	/**
	 * @return int The HTTP status that a push gets which the backend signs now, by its own clock.
	 */
	private static function push_status( StrictIngress $backend, array $sent ): int {
		$result = array( 'idempotency_key' => $sent['idempotency_key'], 'object_ref' => $sent['object_ref'], 'sent_at' => Clock::rfc3339( $backend->now_ms() ) );
		return rest_do_request( PluginTestCase::push( $result, array( 'timestamp' => intdiv( $backend->now_ms(), 1000 ) ) ) )->get_status();
	}

	public function test_events_arrive_at_the_first_tick_and_say_when_they_happened_by_the_backends_clock(): void {
		foreach ( self::OFFSETS_S as $what => $ahead_s ) {
			$this->tearDown();
			$this->setUp();
			$backend = $this->backend( $ahead_s );
			$ids     = array( $this->publish(), $this->publish(), $this->publish() );
			$this->tick();
			$this->assertSame( array( 'sent', 'sent', 'sent' ), array_map( array( $this, 'status' ), $ids ), $what );
			$this->assertCount( 4, $this->ingress->requests, "$what: one refusal taught it" );
			foreach ( $backend->taken as $body ) {
				$this->assertLessThanOrEqual( 10000, abs( $backend->now_ms() - Clock::parse_ms( $body['occurred_at'] ) ), $what );
			}
		}
	}

	public function test_results_are_taken_whichever_way_the_clock_is_wrong(): void {
		foreach ( self::OFFSETS_S as $what => $ahead_s ) {
			$this->tearDown();
			$this->setUp();
			$backend = $this->backend( $ahead_s );
			$this->publish();
			$this->tick();
			$this->assertSame( 200, self::push_status( $backend, $backend->taken[0] ), $what );
		}
	}

	public function test_a_clock_that_is_put_right_after_the_offset_was_learned_costs_nothing_either(): void {
		foreach ( self::OFFSETS_S as $what => $ahead_s ) {
			$this->tearDown();
			$this->setUp();
			$backend = $this->backend( $ahead_s );
			$this->publish();
			$this->tick();
			$waits = $this->publish();
			// Now this server's clock is the backend's.
			$backend->ahead_s = 0;
			$this->assertSame( 200, self::push_status( $backend, $backend->taken[0] ), "$what: it asked the backend for its time" );
			$this->tick();
			$this->assertSame( 'sent', $this->status( $waits ), $what );
			$this->assertSame( 200, self::push_status( $backend, $backend->taken[1] ), $what );
		}
	}

	public function test_a_push_that_is_captured_and_sent_again_later_turns_no_clock_back_and_is_asked_about_once_a_minute(): void {
		$backend = $this->backend( 0 );
		$this->publish();
		$this->tick();
		$asked = count( $this->ingress->requests );
		for ( $i = 0; $i < 5; $i++ ) {
			$old = PluginTestCase::push( array( 'idempotency_key' => $backend->taken[0]['idempotency_key'] ), array( 'timestamp' => time() - 900 ) );
			$this->assertSame( 401, rest_do_request( $old )->get_status() );
		}
		$this->assertCount( $asked + 1, $this->ingress->requests );
		$this->assertSame( 200, self::push_status( $backend, $backend->taken[0] ), 'a fresh one passes all the same' );
	}

	public function test_a_forged_push_asks_the_backend_for_nothing(): void {
		$this->backend( 0 );
		$forged = PluginTestCase::push( array(), array( 'timestamp' => time() - 900, 'secret' => 'another' ) );
		$this->assertSame( 401, rest_do_request( $forged )->get_status() );
		$this->assertCount( 0, $this->ingress->requests );
	}

	public function test_times_that_a_fast_clock_wrote_hold_nothing_back_once_it_is_right(): void {
		global $wpdb;
		$far   = ( time() + 13 * 3600 ) * 1000;
		$cases = array(
			'a retry'       => "status = 'pending', next_attempt_at = $far",
			'a probe'       => "status = 'dead', attempts = 4, next_attempt_at = $far",
			'a held row'    => "status = 'held', next_attempt_at = $far",
			'a lease'       => "status = 'sending', claim_token = 'x', claimed_until = $far",
			'the happening' => "occurred_at = $far, next_attempt_at = $far",
		);
		foreach ( $cases as $what => $assignments ) {
			$this->tearDown();
			$this->setUp();
			$this->backend( 0 );
			$id = $this->publish();
			$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET $assignments" );
			$this->tick();
			$this->assertSame( 'sent', $this->status( $id ), $what );
		}
	}

	public function test_neither_does_a_breaker_or_a_lease_of_the_dispatcher_from_the_future(): void {
		$this->backend( 0 );
		$id = $this->publish();
		State::put( 'breaker', array( 'until' => ( time() + 13 * 3600 ) * 1000, 'failures' => 2, 'opened' => 1 ) );
		State::put( 'dispatcher', ( ( time() + 13 * 3600 ) * 1000 ) . '.x' );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
	}

	public function test_a_clock_that_is_years_ahead_deletes_nothing_that_waits_for_the_backend_or_for_a_result(): void {
		global $wpdb;
		foreach ( array( 'the backend says what time it is' => true, 'the backend does not answer' => false ) as $what => $answers ) {
			$this->tearDown();
			$this->setUp();
			$backend = $this->backend( -12 * YEAR_IN_SECONDS );
			$ids     = array( $this->publish(), $this->publish() );
			$then    = $backend->now_ms() - DAY_IN_SECONDS * 1000;
			// Recorded yesterday, when the clock was right.
			$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET occurred_at = $then, finished_at = $then, next_attempt_at = " . ( ( time() + 60 ) * 1000 ) . ", status = IF( object_ref = '{$ids[0]}', 'dead', 'sent' )" );
			$answers || $this->answer( new \WP_Error( 'http_request_failed', 'no route to host' ) );
			$this->tick();
			$this->assertCount( 2, $this->rows(), $what );
			$this->assertSame( 'sent', $this->status( $ids[1] ), $what );
		}
		$this->backend( 0 );
		$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET status = 'sent'" );
		$fresh = $this->publish();
		$this->tick();
		$this->assertSame( array( (string) $fresh ), array_column( $this->rows(), 'object_ref' ), 'what is old by both clocks goes' );
	}

	public function test_a_leap_second_in_the_backends_answer_is_a_time(): void {
		$this->answer( FakeIngress::accepted( array( 'date' => 'Sat, 31 Dec 2016 23:59:60 GMT' ) ) );
		$id = $this->publish();
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
		$this->assertLessThanOrEqual( 60000, abs( ( 1483228800 - time() ) * 1000 - (int) State::get( array( 'clock_offset_ms' ) )['clock_offset_ms'] ) );
	}
}
