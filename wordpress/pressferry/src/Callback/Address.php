<?php
/**
 * Where the backend finds this site's plugin.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Address {

	const TIMEOUT_S = 3;

	/**
	 * The URL of results. WordPress' own, unless the server shows a page there and not WordPress' REST API: its rules for permalinks are
	 * missing, and the API answers only under `?rest_route=`.
	 */
	public static function of_results(): string {
		$url   = rest_url( SignedRoutes::REST_NAMESPACE . '/results' );
		$plain = add_query_arg( 'rest_route', '/' . SignedRoutes::REST_NAMESPACE . '/results', home_url( '/' ) );
		$found = self::answers( $url );
		return false === $found && self::answers( $plain ) ? $plain : $url;
	}

	/**
	 * Whether a push would find the plugin there: an unsigned one must get the plugin's own refusal. Null if this site does not reach itself.
	 */
	public static function answers( string $url ): ?bool {
		$response = wp_remote_post(
			$url,
			array(
				'body'        => '{}',
				'headers'     => array( 'Content-Type' => 'application/json' ),
				'timeout'     => self::TIMEOUT_S,
				'redirection' => 0,
				'sslverify'   => apply_filters( 'https_local_ssl_verify', false ), // phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- core's own filter.
			)
		);
		if ( is_wp_error( $response ) ) {
			return null;
		}
		$body = json_decode( (string) wp_remote_retrieve_body( $response ), true );
		return is_array( $body ) && isset( $body['code'] ) && is_string( $body['code'] ) && 0 === strpos( $body['code'], 'pressferry_' );
	}
}
