<?php
/**
 * Seals what must not lie in the database in clear: a person who reads a dump, or the screen of all options, has the box and not the key,
 * which is made of the salts of wp-config.php.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Secrets {

	const MARK = 'sealed:1:';

	// Settings that are sealed when they are options.
	const NAMES = array( 'PRIVATE_KEY', 'HMAC_SECRET', 'HMAC_SECRET_PREVIOUS' );

	public static function seal( string $text ): string {
		$nonce = random_bytes( SODIUM_CRYPTO_SECRETBOX_NONCEBYTES );
		return self::MARK . base64_encode( $nonce . sodium_crypto_secretbox( $text, $nonce, self::key() ) ); // phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions -- an option is text.
	}

	/**
	 * The text that was sealed; an unsealed text unchanged; null when the salts have been changed since.
	 */
	public static function open( string $stored ): ?string {
		if ( 0 !== strpos( $stored, self::MARK ) ) {
			return $stored;
		}
		$bytes = (string) base64_decode( substr( $stored, strlen( self::MARK ) ), true ); // phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions -- an option is text.
		if ( strlen( $bytes ) <= SODIUM_CRYPTO_SECRETBOX_NONCEBYTES ) {
			return null;
		}
		$text = sodium_crypto_secretbox_open( substr( $bytes, SODIUM_CRYPTO_SECRETBOX_NONCEBYTES ), substr( $bytes, 0, SODIUM_CRYPTO_SECRETBOX_NONCEBYTES ), self::key() );
		return false === $text ? null : $text;
	}

	private static function key(): string {
		return hash_hmac( 'sha256', 'pressferry-secrets', wp_salt( 'auth' ), true );
	}
}
