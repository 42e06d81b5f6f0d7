<?php
/**
 * One writing statement, with what can be done when it fails: a deadlock is tried again, a missing table made.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- the callers have prepared it.

final class Statement {

	/** @var string */
	private static $fault = '';

	/**
	 * Affected rows; null when the statement failed for good.
	 */
	public static function run( string $sql ): ?int {
		global $wpdb;
		// WordPress would print the error into the visitor's page, and write the whole statement, with what the visitor typed, to the log.
		$before   = $wpdb->suppress_errors( true );
		$affected = $wpdb->query( $sql );
		if ( false === $affected ) {
			Schema::repair();
			$affected = $wpdb->query( $sql );
		}
		if ( false === $affected ) {
			// The number only: the text may quote what a visitor typed.
			self::$fault = $wpdb->dbh instanceof \mysqli ? 'mysql_' . mysqli_errno( $wpdb->dbh ) : 'database_error';
		}
		$wpdb->suppress_errors( $before );
		return false === $affected ? null : (int) $affected;
	}

	/**
	 * Affected rows, 0 when it failed: for statements of which a failure only means "not now".
	 */
	public static function affect( string $sql ): int {
		return (int) self::run( $sql );
	}

	/**
	 * What made the last statement fail that failed: mysql_<number>, or database_error.
	 */
	public static function last_fault(): string {
		return self::$fault;
	}
}
