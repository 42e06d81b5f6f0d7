<?php
namespace Pressferry\Tests;

use Pressferry\Outbox\Backoff;

final class BackoffTest extends PluginTestCase {
	public function test_windows_grow_from_30_s_to_2_min_to_8_min(): void {
		$this->assertSame( array( 30000, 120000, 480000 ), array_map( array( Backoff::class, 'window_ms' ), array( 1, 2, 3 ) ) );
	}

	public function test_waits_are_spread_over_the_whole_window(): void {
		foreach ( array( 1, 2, 3 ) as $tries ) {
			$window = Backoff::window_ms( $tries );
			$waits  = array();
			for ( $i = 0; $i < 400; $i++ ) {
				$waits[] = Backoff::wait_ms( $tries, 0 );
			}
			$this->assertGreaterThanOrEqual( 0, min( $waits ) );
			$this->assertLessThanOrEqual( $window, max( $waits ) );
			// 400 draws miss a quarter of the window with a chance of 10^-50.
			$this->assertLessThanOrEqual( $window / 4, min( $waits ), 'full jitter starts at nothing' );
			$this->assertGreaterThanOrEqual( $window * 3 / 4, max( $waits ) );
		}
	}

	public function test_retry_after_is_honoured_up_to_an_hour(): void {
		$this->assertGreaterThanOrEqual( 90000, Backoff::wait_ms( 1, 90000 ) );
		$this->assertSame( 3600000, Backoff::wait_ms( 1, 86400000 ) );
	}
}
