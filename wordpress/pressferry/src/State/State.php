<?php
/**
 * Small facts that all processes of a site share: breaker, clock offset, loopback. One option each, never autoloaded.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- straight to the options table: a stale object cache would show each process another truth.

final class State {

	const PREFIX = '_pressferry_';

	/**
	 * The values of several names, in one query; an empty string for one that is not set.
	 *
	 * @param string[] $names Without the prefix.
	 * @return array<string, string>
	 */
	public static function get( array $names ): array {
		global $wpdb;
		$places = implode( ', ', array_fill( 0, count( $names ), '%s' ) );
		$rows   = $wpdb->get_results( $wpdb->prepare( "SELECT option_name, option_value FROM {$wpdb->options} WHERE option_name IN ({$places})", array_map( array( self::class, 'option' ), $names ) ), ARRAY_A );
		$found  = array_fill_keys( $names, '' );
		foreach ( (array) $rows as $row ) {
			$found[ substr( $row['option_name'], strlen( self::PREFIX ) ) ] = (string) $row['option_value'];
		}
		return $found;
	}

	/**
	 * The value of one name as a map; an empty one when it is not set or not readable.
	 *
	 * @return array<string, mixed>
	 */
	public static function map( string $name ): array {
		$map = json_decode( self::get( array( $name ) )[ $name ], true );
		return is_array( $map ) ? $map : array();
	}

	/**
	 * Sets one name, whatever it was; an array is stored as JSON.
	 *
	 * @param string|array<string, mixed> $value
	 */
	public static function put( string $name, $value ): bool {
		global $wpdb;
		$text = is_array( $value ) ? (string) wp_json_encode( $value ) : $value;
		return false !== $wpdb->query( $wpdb->prepare( "INSERT INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no') ON DUPLICATE KEY UPDATE option_value = VALUES(option_value)", self::option( $name ), $text ) );
	}

	/**
	 * Sets a name that is still $old (an empty string: not set); of several processes that try at once, one gets true.
	 */
	public static function swap( string $name, string $old, string $value ): bool {
		global $wpdb;
		if ( '' === $old ) {
			return 1 === $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')", self::option( $name ), $value ) );
		}
		return 1 === $wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->options} SET option_value = %s WHERE option_name = %s AND option_value = %s", $value, self::option( $name ), $old ) );
	}

	public static function forget( string $name ): void {
		global $wpdb;
		$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name = %s", self::option( $name ) ) );
	}

	/**
	 * The option's name, for statements that read it along with something else.
	 */
	public static function option( string $name ): string {
		return self::PREFIX . $name;
	}
}
