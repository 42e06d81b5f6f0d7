<?php
/**
 * One dispatcher at a time per site.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\State;

use Pressferry\Clock;
use Pressferry\Outbox\Schema;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- a lock of the database connection; nothing to cache.

final class DispatchLock {

	const STATE = 'dispatcher';

	// Only if the database has no locks: a process that died holds up the others for so long. Longer than a try, and renewed before each.
	const LEASE_MS = 15000;
	const RENEW_MS = 10000;

	/** @var Clock */
	private $clock;

	/** @var string The name of the lock held, or an empty string. */
	private $name = '';

	/** @var string The lease held, or an empty string. */
	private $lease = '';

	/** @var string */
	private $what;

	public function __construct( Clock $clock, string $what = self::STATE ) {
		$this->clock = $clock;
		$this->what  = $what;
	}

	/**
	 * Takes the lock if no one has it; never waits. It ends with `release`, or with the process.
	 */
	public function acquire(): bool {
		global $wpdb;
		if ( ! self::database_has_locks() ) {
			return $this->acquire_lease();
		}
		// Names of locks are the server's, not the database's.
		$name = 'pressferry.' . md5( DB_NAME . '.' . Schema::outbox() . ( self::STATE === $this->what ? '' : '.' . $this->what ) );
		if ( '1' !== (string) $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, 0)', $name ) ) ) {
			return false;
		}
		$this->name = $name;
		return true;
	}

	/**
	 * Keeps the lock for one more try.
	 *
	 * @return bool False when the lease ran out meanwhile, and another process has taken it.
	 */
	public function renew(): bool {
		$now = $this->clock->now_ms();
		if ( '' === $this->lease || ( (int) $this->lease > $now + self::RENEW_MS && (int) $this->lease <= $now + self::LEASE_MS ) ) {
			return '' !== $this->name || '' !== $this->lease;
		}
		$lease       = self::lease_from( $now );
		$kept        = State::swap( $this->what, $this->lease, $lease );
		$this->lease = $kept ? $lease : '';
		return $kept;
	}

	public function release(): void {
		global $wpdb;
		if ( '' !== $this->name ) {
			$wpdb->query( $wpdb->prepare( 'DO RELEASE_LOCK(%s)', $this->name ) );
			$this->name = '';
		}
		if ( '' !== $this->lease ) {
			State::swap( $this->what, $this->lease, '0' );
			$this->lease = '';
		}
	}

	/**
	 * Whether the lock of a process that died is free at once, and not only when its lease has run out.
	 */
	public static function ends_with_its_process(): bool {
		return self::database_has_locks();
	}

	/**
	 * Whether GET_LOCK locks: HyperDB and LudicrousDB ask one of several servers, SQLite's stand-in grants everything, and before 5.7.5 MySQL ends the lock that another plugin holds.
	 */
	private static function database_has_locks(): bool {
		global $wpdb;
		if ( defined( 'PRESSFERRY_DISPATCH_LEASE' ) && PRESSFERRY_DISPATCH_LEASE ) {
			return false;
		}
		if ( ! $wpdb instanceof \wpdb || method_exists( $wpdb, 'add_database' ) || false !== stripos( get_class( $wpdb ), 'sqlite' ) || ! $wpdb->is_mysql ) {
			return false;
		}
		$info    = (string) $wpdb->db_server_info();
		$mariadb = false !== stripos( $info, 'mariadb' );
		return $mariadb || version_compare( (string) $wpdb->db_version(), '5.7.5', '>=' );
	}

	private function acquire_lease(): bool {
		$held = State::get( array( $this->what ) )[ $this->what ];
		$now  = $this->clock->now_ms();
		$till = (int) $held;
		// One further off than a lease can be was written by a clock that has been put right since.
		if ( $till > $now && $till <= $now + self::LEASE_MS ) {
			return false;
		}
		$lease = self::lease_from( $now );
		if ( ! State::swap( $this->what, $held, $lease ) ) {
			return false;
		}
		$this->lease = $lease;
		return true;
	}

	private static function lease_from( int $now_ms ): string {
		// A colon: of "….1e5…" PHP makes a number with an exponent.
		return ( $now_ms + self::LEASE_MS ) . ':' . Uuid::v4();
	}
}
