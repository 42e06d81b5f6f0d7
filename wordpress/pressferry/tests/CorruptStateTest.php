<?php
namespace Pressferry\Tests;

use Pressferry\Outbox\Schema;
use Pressferry\State\Breaker;
use Pressferry\State\State;

/**
 * What the plugin wrote down may be changed by others, cut, or restored from a backup; no event waits for a person because of it.
 */
final class CorruptStateTest extends ScenarioCase {
	const GARBAGE = array( 'garbage', '0', '-1', 'null', 'true', '[]', '[[]]', '{}', '{"until":{}}', '{"until":"x","failures":[],"opened":{},"at":"x","way":[],"works":"?","cursor":[],"count":{}}', '{"until":9e99,"at":9e99}', '9223372036854775807', '99999999999999999999999', 'a:1:{i:0;i:1;}', "\xC3\x28", '{"at":-9223372036854775808' );

	const NAMES = array( Breaker::STATE, 'clock_offset_ms', 'dispatcher', 'loopback', 'poll', 'heartbeat', 'time_asked_at', 'round_trip', 'record_faults', 'write_failures' );

	protected function tearDown(): void {
		update_option( Schema::OPTION, Schema::VERSION );
		delete_option( 'pressferry_results_url' );
		parent::tearDown();
	}

	public function test_whatever_stands_in_the_facts_that_processes_share_an_event_is_recorded_and_arrives(): void {
		update_option( 'pressferry_results_url', 'https://203.0.113.10' );
		foreach ( self::GARBAGE as $garbage ) {
			foreach ( self::NAMES as $name ) {
				State::put( $name, $garbage );
			}
			$id = $this->publish();
			for ( $i = 0; $i < 3 && 'sent' !== $this->status( $id ); $i++ ) {
				$this->later();
				$this->tick();
			}
			$this->assertSame( 'sent', $this->status( $id ), $garbage );
		}
	}

	public function test_whatever_stands_in_the_tables_version_events_are_recorded_and_the_screen_is_there(): void {
		foreach ( array( 'garbage', array(), array( 'off' => 'posts' ), array( 'version' => array() ), array( 'version' => Schema::VERSION, 'off' => array( array(), 5, null ) ), new \stdClass(), 7, true ) as $garbage ) {
			$this->tearDown();
			$this->setUp();
			update_option( Schema::OPTION, $garbage );
			$id = $this->publish();
			$this->tick();
			$this->assertSame( 'sent', $this->status( $id ), (string) wp_json_encode( $garbage ) );
		}
	}

	public function test_a_setting_that_is_no_text_is_called_missing_and_breaks_nothing(): void {
		foreach ( array( array( 'x' ), new \stdClass(), false, null ) as $garbage ) {
			$this->tearDown();
			$this->setUp();
			update_option( 'pressferry_site_id', $garbage );
			$id = $this->publish();
			$this->tick();
			$this->assertSame( 'pending', $this->status( $id ) );
			update_option( 'pressferry_site_id', 'harbour' );
			$this->tick();
			$this->assertSame( 'sent', $this->status( $id ), (string) wp_json_encode( $garbage ) );
		}
	}

	public function test_a_schedule_of_cron_that_is_gone_or_garbage_is_made_again(): void {
		foreach ( array( false, 'garbage', array(), array( 'version' => 2 ) ) as $garbage ) {
			update_option( 'cron', $garbage );
			self::hooked( 'init', \Pressferry\Outbox\Trigger::class )->ensure_tick();
			$this->assertLessThanOrEqual( time() + 60, (int) wp_next_scheduled( 'pressferry_tick' ), (string) wp_json_encode( $garbage ) );
			$this->assertGreaterThanOrEqual( 1, (int) wp_next_scheduled( 'pressferry_tick' ), (string) wp_json_encode( $garbage ) );
		}
	}

	public function test_a_column_that_is_missing_is_made_again(): void {
		global $wpdb;
		foreach ( array( 'clock_offset', 'redrives', 'wire_occurred_at', 'claim_token' ) as $column ) {
			$wpdb->query( 'ALTER TABLE ' . Schema::outbox() . " DROP COLUMN $column" );
			$id = $this->publish();
			$this->tick();
			$this->tick();
			$this->assertSame( 'sent', $this->status( $id ), $column );
		}
	}

	public function test_a_stale_object_cache_neither_sends_twice_nor_loses(): void {
		$none = array();
		foreach ( self::NAMES as $name ) {
			$none[ State::option( $name ) ] = true;
		}
		$id = $this->publish();
		State::put( Breaker::STATE, array( 'until' => ( time() + 60 ) * 1000, 'failures' => 2, 'opened' => 1 ) );
		wp_cache_set( 'notoptions', $none + (array) wp_cache_get( 'notoptions', 'options' ), 'options' );
		$this->tick();
		$this->assertSame( array( 'pending', 0 ), array( $this->status( $id ), count( $this->ingress->requests ) ), 'another process opened the breaker, whatever the cache says' );
		State::forget( Breaker::STATE );
		wp_cache_set( 'alloptions', array( Schema::OPTION => '1', 'pressferry_schema' => '1' ) + wp_load_alloptions(), 'options' );
		$this->tick();
		$this->tick();
		$this->assertSame( array( 'sent', 1 ), array( $this->status( $id ), count( $this->ingress->requests ) ) );
	}

	public function test_a_cache_that_does_not_know_the_tables_version_costs_one_look_and_not_one_with_each_event(): void {
		global $wpdb;
		$all = wp_load_alloptions();
		unset( $all[ Schema::OPTION ] );
		wp_cache_set( 'alloptions', $all, 'options' );
		wp_cache_set( 'notoptions', array( Schema::OPTION => true ) + (array) wp_cache_get( 'notoptions', 'options' ), 'options' );
		$this->assertFalse( get_option( Schema::OPTION ) );
		$this->assertSame( Schema::VERSION, $wpdb->get_var( "SELECT option_value FROM {$wpdb->options} WHERE option_name = 'pressferry_schema'" ) );
		pressferry_record_event( 'ferry.departed', '1', array() );
		get_option( Schema::OPTION );
		$before = $wpdb->num_queries;
		pressferry_record_event( 'ferry.departed', '2', array() );
		$this->assertSame( 1, $wpdb->num_queries - $before );
	}
}
