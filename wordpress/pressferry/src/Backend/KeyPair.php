<?php
/**
 * Makes this site's key pair; the private half never leaves it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Http\Jwt;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class KeyPair {

	const BITS = 2048;

	// A proof is for another audience than a token, so neither can serve as the other.
	const PROOF_AUDIENCE = 'pressferry-enrolment';
	const PROOF_LIFE_S   = 120;

	/**
	 * A new RSA key pair as PEM, private and public; null when this PHP cannot make one.
	 *
	 * @return array{0: string, 1: string}|null
	 */
	public static function make(): ?array {
		if ( ! function_exists( 'openssl_pkey_new' ) ) {
			return null;
		}
		return self::with( array() ) ?? self::with_own_configuration();
	}

	/**
	 * The public half of a private key; an empty string when that is none.
	 */
	public static function public_of( string $private_key_pem ): string {
		$key     = function_exists( 'openssl_pkey_get_private' ) ? openssl_pkey_get_private( $private_key_pem ) : false;
		$details = false === $key ? false : openssl_pkey_get_details( $key );
		return false === $details ? '' : (string) $details['key'];
	}

	/**
	 * A token by which the holder of a private key proves that it has it.
	 *
	 * @param string $subject The hash of the enrolment token, or the id of the site that changes its key.
	 */
	public static function proof( string $key, string $issuer, string $subject, int $now_s ): string {
		$claims = array(
			'iss' => $issuer,
			'sub' => $subject,
			'aud' => self::PROOF_AUDIENCE,
			'iat' => $now_s,
			'exp' => $now_s + self::PROOF_LIFE_S,
		);
		return Jwt::sign( $claims, 'proof', $key );
	}

	/**
	 * OpenSSL wants to read its configuration, which many servers do not have where it looks; an empty one will do.
	 *
	 * @return array{0: string, 1: string}|null
	 */
	private static function with_own_configuration(): ?array {
		if ( ! function_exists( 'wp_tempnam' ) ) {
			// Only the dashboard has it from the start.
			require_once ABSPATH . 'wp-admin/includes/file.php';
		}
		$file = wp_tempnam( 'pressferry-openssl' );
		// phpcs:ignore WordPress.WP.AlternativeFunctions.file_system_operations_file_put_contents -- OpenSSL reads it from the disk; nothing secret.
		if ( '' === (string) $file || false === file_put_contents( $file, "[req]\ndistinguished_name = name\n[name]\n" ) ) {
			return null;
		}
		try {
			return self::with( array( 'config' => $file ) );
		} finally {
			wp_delete_file( $file );
		}
	}

	/**
	 * @param array<string, string> $options
	 * @return array{0: string, 1: string}|null
	 */
	private static function with( array $options ): ?array {
		$options += array(
			'private_key_bits' => self::BITS,
			'private_key_type' => OPENSSL_KEYTYPE_RSA,
		);
		// phpcs:disable WordPress.PHP.NoSilencedErrors -- both warn if the configuration is missing; the return value says it.
		$key = @openssl_pkey_new( $options );
		if ( false === $key || ! @openssl_pkey_export( $key, $private, null, $options ) ) {
			return null;
		}
		// phpcs:enable
		return array( (string) $private, self::public_of( (string) $private ) );
	}
}
