<?php
/**
 * A request to the backend: bounded in time, no redirects, no host that the settings do not allow.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

use Pressferry\Config;
use WP_Error;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Request {

	const CONNECT_TIMEOUT_S = 3.0;
	const TOTAL_TIMEOUT_S   = 5.0;

	// What other plugins' filters may not change: a longer time-out holds a process, a redirect loses the body, another body has another signature.
	const FIXED = array( 'method', 'body', 'timeout', 'redirection', 'limit_response_size', 'blocking' );

	/**
	 * Whether WordPress may call a URL of the backend: it refuses private hosts unless a setting allows them, and all hosts that
	 * wp-config.php does not name once it stops requests (WP_HTTP_BLOCK_EXTERNAL). Looks the host up.
	 */
	public static function is_allowed( string $url, Config $config ): bool {
		if ( ( new \WP_Http() )->block_request( $url ) ) {
			return false;
		}
		$port = (int) wp_parse_url( $url, PHP_URL_PORT );
		// A public host may listen on any port.
		$ports = static function ( $allowed ) use ( $port ) {
			return $port > 0 ? array_merge( (array) $allowed, array( $port ) ) : $allowed;
		};
		add_filter( 'http_allowed_safe_ports', $ports );
		try {
			return $config->flag( 'ALLOW_PRIVATE_HOSTS' ) || false !== wp_http_validate_url( $url );
		} finally {
			remove_filter( 'http_allowed_safe_ports', $ports );
		}
	}

	/**
	 * Sends it. At most 3 s to connect, and 5 s in all unless another total is given.
	 *
	 * @param array<string, mixed> $args headers; optional body, max_bytes (64 KiB unless given), timeout.
	 * @return array<string, mixed>|\WP_Error As wp_remote_request.
	 */
	public static function send( string $method, string $url, array $args ) {
		$options = array(
			'method'              => $method,
			'body'                => $args['body'] ?? null,
			'headers'             => $args['headers'] + array( 'Accept' => 'application/json' ),
			'timeout'             => $args['timeout'] ?? self::TOTAL_TIMEOUT_S,
			'redirection'         => 0,
			'blocking'            => true,
			'limit_response_size' => $args['max_bytes'] ?? 65536,
			'user-agent'          => 'pressferry-wordpress/' . PRESSFERRY_VERSION,
		);
		// WordPress passes on no connect time-out; this hook reaches both transports of Requests, for our request alone.
		// No comparison of URLs: Requests normalises ours before it calls the hook.
		$limit = static function ( &$request_url, &$headers, &$data, &$type, &$options ): void {
			$options['connect_timeout'] = self::CONNECT_TIMEOUT_S;
		};
		$fixed = static function ( $args ) use ( $options ) {
			$kept            = array_intersect_key( $options, array_flip( self::FIXED ) ) + (array) $args;
			$kept['headers'] = $options['headers'] + (array) ( $kept['headers'] ?? array() );
			return $kept;
		};
		add_filter( 'http_request_args', $fixed, PHP_INT_MAX );
		add_action( 'requests-requests.before_request', $limit, PHP_INT_MAX, 5 );
		try {
			return wp_remote_request( $url, $options );
		} catch ( \Throwable $error ) {
			// Another plugin's filter; this try brought no answer.
			return new WP_Error( 'http_request_failed', get_class( $error ) );
		} finally {
			remove_filter( 'http_request_args', $fixed, PHP_INT_MAX );
			remove_action( 'requests-requests.before_request', $limit, PHP_INT_MAX );
		}
	}
}
