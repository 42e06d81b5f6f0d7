<?php
/**
 * The plugin's two tables, per site, made and upgraded when first needed.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Contract\Wire;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- our tables; their names cannot be prepared before 6.2, all values are.

final class Schema {

	const VERSION = '2';

	// The one option that every request loads: the tables' version, or a map of it and what was chosen of sources and fields.
	const OPTION = 'pressferry_schema';

	public static function outbox(): string {
		return $GLOBALS['wpdb']->prefix . 'pressferry_outbox';
	}

	public static function inbox(): string {
		return $GLOBALS['wpdb']->prefix . 'pressferry_inbox';
	}

	/**
	 * Makes or upgrades the tables unless this site's are of this version already; cheap when they are.
	 */
	public static function ensure(): void {
		if ( self::VERSION !== self::settings()['version'] ) {
			self::build();
		}
	}

	/**
	 * @return string[] The ids of the sources that are switched off.
	 */
	public static function sources_off(): array {
		return self::settings()['off'];
	}

	/**
	 * @return string[] The ids of the sources that are off by default and were switched on.
	 */
	public static function sources_on(): array {
		return self::settings()['on'];
	}

	/**
	 * @param string[] $off Of the sources to switch off; all others are as by default.
	 * @param string[] $on  Of those that are off by default, the ones to switch on.
	 */
	public static function switch_off( array $off, array $on = array() ): void {
		self::save(
			array(
				'off' => array_values( $off ),
				'on'  => array_values( $on ),
			)
		);
	}

	/**
	 * @return array<string, string[]> By event type, the members of the data that may leave; a type without an entry sends all.
	 */
	public static function fields(): array {
		return self::settings()['fields'];
	}

	/**
	 * @param array<string, string[]> $fields As `fields` returns them.
	 */
	public static function allow( array $fields ): void {
		self::save( array( 'fields' => $fields ) );
	}

	/**
	 * @return array{version: string, off: string[], on: string[], fields: array<string, string[]>}
	 */
	private static function settings(): array {
		$stored  = get_option( self::OPTION );
		$version = is_array( $stored ) ? $stored['version'] ?? '' : $stored;
		$texts   = static function ( $stored ): array {
			return array_values( array_filter( (array) $stored, 'is_string' ) );
		};
		$map     = is_array( $stored ) ? $stored : array();
		return array(
			// Anything else was not written by this plugin: the tables are looked at again.
			'version' => is_scalar( $version ) ? (string) $version : 'unknown',
			'off'     => $texts( $map['off'] ?? array() ),
			'on'      => $texts( $map['on'] ?? array() ),
			'fields'  => array_map( $texts, is_array( $map['fields'] ?? null ) ? $map['fields'] : array() ),
		);
	}

	/**
	 * @param array<string, mixed> $changes
	 */
	private static function save( array $changes ): void {
		$map = $changes + self::settings();
		// A text of one character for most sites, because every request reads it.
		$value = array() === array_merge( $map['off'], $map['on'], $map['fields'] ) ? $map['version'] : $map;
		if ( ! update_option( self::OPTION, $value, true ) && get_option( self::OPTION ) !== $value ) {
			// Another process has written the same, and the cache does not know: with each event the tables would be looked at again.
			wp_cache_delete( 'notoptions', 'options' );
			wp_cache_delete( 'alloptions', 'options' );
		}
	}

	/**
	 * Creates missing tables, whatever the version option says; for a statement that has failed.
	 *
	 * @return bool Whether something was missing and is there now.
	 */
	public static function repair(): bool {
		if ( array() === self::missing() && self::is_current() ) {
			return false;
		}
		self::build();
		return array() === self::missing() && self::is_current();
	}

	private static function is_current(): bool {
		global $wpdb;
		foreach ( array(
			self::outbox() => self::outbox_sql( '' ),
			self::inbox()  => self::inbox_sql( '' ),
		) as $table => $sql ) {
			preg_match_all( '/^([a-z_]+) [a-z]/m', $sql, $wanted );
			if ( array() !== array_diff( $wanted[1], (array) $wpdb->get_col( "SHOW COLUMNS FROM {$table}" ) ) ) {
				return false;
			}
		}
		return true;
	}

	/**
	 * The tables that are not there; one query for each.
	 *
	 * @return string[]
	 */
	public static function missing(): array {
		global $wpdb;
		return array_values(
			array_filter(
				array( self::outbox(), self::inbox() ),
				static function ( $table ) use ( $wpdb ): bool {
					return strtolower( (string) $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $table ) ) ) ) !== strtolower( $table );
				}
			)
		);
	}

	/**
	 * The tables that were made and are not there any more. A site's are made with its first event: before it none is missed.
	 *
	 * @return string[]
	 */
	public static function lost(): array {
		return '' === self::settings()['version'] ? array() : self::missing();
	}

	/**
	 * Removes the tables and the version of the present site; for uninstalling and tests only.
	 */
	public static function drop(): void {
		global $wpdb;
		foreach ( array( self::outbox(), self::inbox() ) as $table ) {
			$wpdb->query( "DROP TABLE IF EXISTS {$table}" );
		}
		delete_option( self::OPTION );
	}

	private static function build(): void {
		$from = self::settings()['version'];
		require_once ABSPATH . 'wp-admin/includes/upgrade.php';
		$charset = $GLOBALS['wpdb']->get_charset_collate();
		dbDelta( self::outbox_sql( $charset ) );
		dbDelta( self::inbox_sql( $charset ) );
		if ( array() !== self::missing() ) {
			// Not written down as done: the next request tries again.
			return;
		}
		if ( '1' === $from ) {
			self::from_1_to_2();
		}
		self::save( array( 'version' => self::VERSION ) );
	}

	/**
	 * Version 1 gave events up for good after any answer that it did not know; only the backend's own refusals stay.
	 */
	private static function from_1_to_2(): void {
		global $wpdb;
		$final  = array_keys( Wire::REACTIONS, 'correct', true );
		$final  = array_merge( $final, array( 'payload_too_large' ) );
		$places = implode( ', ', array_fill( 0, count( $final ), '%s' ) );
		$wpdb->query( 'UPDATE ' . self::outbox() . " SET status = 'held', next_attempt_at = 0, finished_at = 0, redrives = 0 WHERE status = 'refused' AND last_status IN (401, 403)" );
		$wpdb->query( $wpdb->prepare( 'UPDATE ' . self::outbox() . " SET status = 'dead', next_attempt_at = 0, redrives = 0 WHERE status = 'refused' AND last_error NOT IN ({$places})", $final ) );
		$wpdb->query( 'UPDATE ' . self::outbox() . " SET next_attempt_at = 0, redrives = 0 WHERE status = 'dead'" );
		delete_option( 'pressferry_clock_offset_ms' );
		delete_option( 'pressferry_paused_until_ms' );
	}

	/**
	 * The statement as dbDelta wants it: one column per line, two spaces after PRIMARY KEY, KEY and not INDEX, lower-case types.
	 */
	private static function outbox_sql( string $charset ): string {
		return 'CREATE TABLE ' . self::outbox() . " (
id bigint(20) unsigned NOT NULL auto_increment,
idempotency_key char(36) NOT NULL,
dedupe_key varchar(191) NOT NULL,
event_type varchar(100) NOT NULL,
object_ref varchar(255) NOT NULL,
post_id bigint(20) unsigned NOT NULL default 0,
payload longtext NOT NULL,
status varchar(12) NOT NULL default 'pending',
attempts smallint(5) unsigned NOT NULL default 0,
redrives smallint(5) unsigned NOT NULL default 0,
occurred_at bigint(20) unsigned NOT NULL default 0,
clock_offset bigint(20) default NULL,
wire_occurred_at bigint(20) unsigned NOT NULL default 0,
next_attempt_at bigint(20) unsigned NOT NULL default 0,
claim_token char(36) NOT NULL default '',
claimed_until bigint(20) unsigned NOT NULL default 0,
sent_at bigint(20) unsigned NOT NULL default 0,
finished_at bigint(20) unsigned NOT NULL default 0,
request_id char(36) NOT NULL default '',
last_status smallint(5) unsigned NOT NULL default 0,
last_error varchar(64) NOT NULL default '',
PRIMARY KEY  (id),
UNIQUE KEY idempotency_key (idempotency_key),
UNIQUE KEY dedupe_key (dedupe_key),
KEY due (status,next_attempt_at),
KEY claim (claim_token),
KEY object_ref (object_ref(100)),
KEY post_id (post_id),
KEY ended (status,finished_at)
) {$charset};";
	}

	private static function inbox_sql( string $charset ): string {
		return 'CREATE TABLE ' . self::inbox() . " (
id bigint(20) unsigned NOT NULL auto_increment,
result_id char(36) NOT NULL,
request_id char(36) NOT NULL default '',
idempotency_key char(36) NOT NULL default '',
event_type varchar(100) NOT NULL default '',
object_ref varchar(255) NOT NULL default '',
post_id bigint(20) unsigned NOT NULL default 0,
automation varchar(191) NOT NULL default '',
status varchar(12) NOT NULL default '',
output longtext NOT NULL,
error longtext NOT NULL,
completed_at bigint(20) unsigned NOT NULL default 0,
stored_at bigint(20) unsigned NOT NULL default 0,
handled_at bigint(20) unsigned NOT NULL default 0,
PRIMARY KEY  (id),
UNIQUE KEY result_id (result_id),
KEY post_id (post_id),
KEY idempotency_key (idempotency_key),
KEY object_ref (object_ref(100))
) {$charset};";
	}
}
