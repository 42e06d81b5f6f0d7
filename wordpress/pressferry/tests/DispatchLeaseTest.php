<?php
namespace Pressferry\Tests;

use Pressferry\State\DispatchLock;
use Pressferry\State\State;

final class DispatchLeaseTest extends PluginTestCase {
	public function test_without_locks_in_the_database_a_dispatcher_that_died_holds_up_the_next_for_fifteen_seconds(): void {
		$key = $this->add_event();
		State::put( DispatchLock::STATE, ( $this->clock->ms + DispatchLock::LEASE_MS ) . '.dead' );
		self::without_locks(
			function () use ( $key ): void {
				$this->clock->ms += 14999;
				$this->assertSame( 1, $this->dispatcher()->dispatch()['busy'] );
				$this->clock->ms += 1;
				$this->assertSame( 1, $this->dispatcher()->dispatch()['accepted'] );
				$this->assertSame( 'sent', $this->row( $key )['status'] );
			}
		);
	}

	public function test_without_locks_in_the_database_a_dispatcher_keeps_its_lease_while_it_works_and_stops_once_it_lost_it(): void {
		self::without_locks(
			function (): void {
				$lock  = new DispatchLock( $this->clock );
				$other = new DispatchLock( $this->clock );
				$this->assertTrue( $lock->acquire() );
				for ( $try = 0; $try < 10; $try++ ) {
					$this->clock->ms += 5000;
					$this->assertSame( array( true, false ), array( $lock->renew(), $other->acquire() ) );
				}
				$this->clock->ms += DispatchLock::LEASE_MS;
				$this->assertSame( array( true, false ), array( $other->acquire(), $lock->renew() ) );
				$lock->release();
				$this->assertFalse( ( new DispatchLock( $this->clock ) )->acquire(), 'the lock of another is not given back' );
				$other->release();
				$this->assertTrue( $lock->acquire() );
				$lock->release();
			}
		);
	}

	/**
	 * Does something on a database of which the plugin thinks that it has no GET_LOCK.
	 */
	private static function without_locks( callable $work ): void {
		global $wpdb;
		$before          = $wpdb->is_mysql;
		$wpdb->is_mysql = false;
		try {
			$work();
		} finally {
			$wpdb->is_mysql = $before;
		}
	}
}
