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

	public function test_a_database_of_several_servers_locks_by_its_lease_for_a_read_may_go_to_any_of_them(): void {
		global $wpdb;
		if ( ! $wpdb->dbh instanceof \mysqli ) {
			$this->markTestSkipped( 'SQLite is one file on one server' );
		}
		$before = $wpdb;
		// As HyperDB and LudicrousDB are: each lock of a reading server would be another one.
		$wpdb = new class( $before ) extends \wpdb { // phpcs:ignore
			public $asked = array();
			public function __construct( \wpdb $other ) {
				foreach ( get_object_vars( $other ) as $name => $value ) {
					$this->$name = $value;
				}
				foreach ( array( 'dbh', 'has_connected', 'use_mysqli', 'ready' ) as $name ) {
					$this->$name = $other->$name;
				}
			}
			public function __destruct() {}
			public function add_database( array $server ): void {}
			public function query( $sql ) {
				$this->asked[] = $sql;
				return parent::query( $sql );
			}
		};
		try {
			$lock = new DispatchLock( $this->clock );
			$this->assertSame( array( true, false ), array( $lock->acquire(), ( new DispatchLock( $this->clock ) )->acquire() ) );
			$lock->release();
			$this->assertSame( array(), preg_grep( '/_LOCK/', $wpdb->asked ) );
			$this->assertFalse( DispatchLock::ends_with_its_process() );
		} finally {
			$wpdb = $before;
		}
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
