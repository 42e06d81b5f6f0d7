<?php
/**
 * Tokens for the loopback request: short-lived, and spent by the first use.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- straight to the options table: options' cache would break the one-time promise.

final class LoopbackToken {

	const LIFE_MS = 60000;
	const PREFIX  = '_pressferry_token_';

	/** @var Clock */
	private $clock;

	public function __construct( Clock $clock ) {
		$this->clock = $clock;
	}

	/**
	 * A new token, good for one use within a minute.
	 */
	public function issue(): string {
		global $wpdb;
		$nonce   = bin2hex( random_bytes( 16 ) );
		$expires = (string) ( $this->clock->now_ms() + self::LIFE_MS );
		$wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')", self::PREFIX . $nonce, $expires ) );
		return $nonce . '.' . $expires . '.' . $this->seal( $nonce, $expires );
	}

	/**
	 * Whether the token is ours, fresh, and unspent; it is spent afterwards.
	 */
	public function spend( string $token ): bool {
		global $wpdb;
		$parts = explode( '.', $token );
		if ( 3 !== count( $parts ) || ! hash_equals( $this->seal( $parts[0], $parts[1] ), $parts[2] ) || (int) $parts[1] < $this->clock->now_ms() ) {
			return false;
		}
		// Of any number of racing requests the database lets exactly one delete the row.
		return 1 === (int) $wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name = %s", self::PREFIX . $parts[0] ) );
	}

	/**
	 * Removes tokens that were never spent.
	 *
	 * @return int How many.
	 */
	public function sweep(): int {
		global $wpdb;
		return (int) $wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name LIKE %s AND CAST(option_value AS UNSIGNED) < %d", $wpdb->esc_like( self::PREFIX ) . '%', $this->clock->now_ms() ) );
	}

	private function seal( string $nonce, string $expires ): string {
		return hash_hmac( 'sha256', 'pressferry-loopback.' . $nonce . '.' . $expires, wp_salt( 'nonce' ) );
	}
}
