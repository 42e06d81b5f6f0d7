<?php
/**
 * The plugin's two tables, per site, made and upgraded when first needed.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Schema {

	const VERSION = '1';
	const OPTION  = 'pressferry_schema';

	/**
	 * The outbox's table name on the present site.
	 */
	public static function outbox(): string {
		return $GLOBALS['wpdb']->prefix . 'pressferry_outbox';
	}

	/**
	 * The inbox's table name on the present site.
	 */
	public static function inbox(): string {
		return $GLOBALS['wpdb']->prefix . 'pressferry_inbox';
	}

	/**
	 * Makes or upgrades the tables unless this site's are of this version already; cheap when they are.
	 */
	public static function ensure(): void {
		if ( self::VERSION === get_option( self::OPTION ) ) {
			return;
		}
		require_once ABSPATH . 'wp-admin/includes/upgrade.php';
		$charset = $GLOBALS['wpdb']->get_charset_collate();
		dbDelta( self::outbox_sql( $charset ) );
		dbDelta( self::inbox_sql( $charset ) );
		update_option( self::OPTION, self::VERSION, true );
	}

	/**
	 * Removes the tables and the version of the present site; for uninstalling and tests only.
	 */
	public static function drop(): void {
		global $wpdb;
		foreach ( array( self::outbox(), self::inbox() ) as $table ) {
			// phpcs:ignore WordPress.DB -- a table name of ours; identifiers cannot be prepared before 6.2.
			$wpdb->query( "DROP TABLE IF EXISTS {$table}" );
		}
		delete_option( self::OPTION );
	}

	// dbDelta wants one column per line, two spaces after PRIMARY KEY, KEY and not INDEX, lower-case types.
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
KEY post_id (post_id)
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
