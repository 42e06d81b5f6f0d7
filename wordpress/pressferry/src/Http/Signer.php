<?php
/**
 * HMAC-SHA256 as the wire writes it: `sha256=` and lower-case hex; the key is the secret's bytes as written.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Signer {

	/**
	 * The X-Signature header of a body.
	 */
	public static function sign( string $body, string $secret ): string {
		return 'sha256=' . hash_hmac( 'sha256', $body, $secret );
	}

	/**
	 * One Standard Webhooks signature: `v1,` and base64.
	 */
	public static function webhook( string $id, string $timestamp, string $body, string $secret ): string {
		// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_encode -- the format's own encoding.
		return 'v1,' . base64_encode( hash_hmac( 'sha256', $id . '.' . $timestamp . '.' . $body, $secret, true ) );
	}
}
