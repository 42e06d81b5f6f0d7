<?php
/**
 * RS256 JSON Web Tokens, signed with a given PEM key.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

use Pressferry\Config;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Jwt {

	const LIFE_S = 300;

	/**
	 * A token of this site, good for one request.
	 *
	 * @param int $now_s Seconds since 1970, by the backend's clock as far as it is known.
	 */
	public static function token( Config $config, int $now_s ): string {
		// The backend knows a copy by the name of the site that it was copied from.
		$copied = $config->copy_of();
		$claims = array(
			'iss' => '' === $copied ? $config->get( 'ISSUER' ) : $copied,
			'sub' => $config->get( 'SITE_ID' ),
			'aud' => $config->get( 'AUDIENCE' ),
			'iat' => $now_s,
			'exp' => $now_s + self::LIFE_S,
			'jti' => Uuid::v4(),
		);
		return self::sign( $claims, $config->get( 'KID' ), $config->get( 'PRIVATE_KEY' ) );
	}

	/**
	 * The compact form of the claims, signed.
	 *
	 * @param array<string, mixed> $claims Registered claims.
	 * @throws \RuntimeException When the key cannot be used.
	 */
	public static function sign( array $claims, string $kid, string $private_key_pem ): string {
		$header = array(
			'alg' => 'RS256',
			'typ' => 'JWT',
			'kid' => $kid,
		);
		$input  = self::base64url( (string) wp_json_encode( $header, JSON_UNESCAPED_SLASHES ) ) . '.' . self::base64url( (string) wp_json_encode( $claims, JSON_UNESCAPED_SLASHES ) );
		$key    = self::key( $private_key_pem );
		if ( null === $key || ! openssl_sign( $input, $signature, $key, OPENSSL_ALGO_SHA256 ) ) {
			throw new \RuntimeException( 'The private key cannot sign.' );
		}
		return $input . '.' . self::base64url( $signature );
	}

	/**
	 * Whether the PEM holds an RSA private key that this server's OpenSSL reads.
	 */
	public static function usable( string $private_key_pem ): bool {
		return null !== self::key( $private_key_pem );
	}

	/**
	 * @return \OpenSSLAsymmetricKey|resource|null
	 */
	private static function key( string $pem ) {
		if ( ! function_exists( 'openssl_sign' ) ) {
			return null;
		}
		// Environment files often carry the line breaks as \n.
		$key     = openssl_pkey_get_private( str_replace( '\n', "\n", $pem ) );
		$details = false === $key ? false : openssl_pkey_get_details( $key );
		return false !== $details && OPENSSL_KEYTYPE_RSA === $details['type'] ? $key : null;
	}

	private static function base64url( string $bytes ): string {
		// phpcs:ignore WordPress.PHP.DiscouragedPHPFunctions.obfuscation_base64_encode -- RFC 7515's own encoding.
		return rtrim( strtr( base64_encode( $bytes ), '+/', '-_' ), '=' );
	}
}
