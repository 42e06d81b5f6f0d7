<?php
/**
 * What the backend answered to a request that is not an event.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Clock;
use Pressferry\Contract\Wire;
use Pressferry\Http\Json;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Reply {

	/** @var int HTTP status; 0 when there was no answer. */
	public $status = 0;

	/** @var string An empty string for a success; a problem's code, or one of these: network_error, name_unknown, tls_failed, timed_out, url_not_allowed, redirected, not_the_backend. */
	public $code = '';

	/** @var string What the backend says is wrong here, and the remedy. */
	public $detail = '';

	/** @var array<string, mixed> The answer's JSON. */
	public $data = array();

	/** @var int|null The backend's clock. */
	public $server_ms;

	public static function failed( string $code ): self {
		$reply       = new self();
		$reply->code = $code;
		return $reply;
	}

	/**
	 * @param array<string, mixed>|\WP_Error $response As wp_remote_request returned it.
	 */
	public static function of( $response ): self {
		if ( is_wp_error( $response ) ) {
			return self::failed( self::fault( $response->get_error_message() ) );
		}
		$reply         = new self();
		$reply->status = (int) wp_remote_retrieve_response_code( $response );
		$body          = Json::first_map( (string) wp_remote_retrieve_body( $response ) );
		$type          = wp_remote_retrieve_header( $response, 'content-type' );
		$type          = strtolower( is_array( $type ) ? (string) end( $type ) : (string) $type );
		$reply->data   = $body ?? array();
		if ( 0 === strpos( $type, Wire::PROBLEM_CONTENT_TYPE ) && isset( $reply->data['code'] ) && is_string( $reply->data['code'] ) ) {
			$reply->code   = $reply->data['code'];
			$reply->detail = isset( $reply->data['detail'] ) && is_string( $reply->data['detail'] ) ? $reply->data['detail'] : '';
		} elseif ( $reply->status >= 300 && $reply->status < 400 ) {
			$reply->code = 'redirected';
		} elseif ( ! in_array( $reply->status, array( 200, 201 ), true ) || null === $body ) {
			$reply->code = 'not_the_backend';
		}
		$date             = wp_remote_retrieve_header( $response, 'date' );
		$reply->server_ms = 'not_the_backend' === $reply->code || ! is_string( $date ) ? null : Clock::parse_http_date( $date );
		return $reply;
	}

	public function ok(): bool {
		return '' === $this->code;
	}

	/**
	 * A member of the answer as text; an empty string when it is none.
	 */
	public function text( string $name ): string {
		return isset( $this->data[ $name ] ) && is_string( $this->data[ $name ] ) ? $this->data[ $name ] : '';
	}

	/**
	 * WordPress gives one code for everything that goes wrong on the way; what it was stands in the text.
	 */
	private static function fault( string $message ): string {
		$patterns = array(
			'timed_out'    => '/timed out|timeout was reached|cURL error 28/i',
			'tls_failed'   => '/SSL|TLS|certificate|cURL error (35|51|58|60|77)\b/i',
			'name_unknown' => '/could not resolve|cURL error 6\b|getaddrinfo|php_network_getaddresses/i',
		);
		foreach ( $patterns as $code => $pattern ) {
			if ( 1 === preg_match( $pattern, $message ) ) {
				return $code;
			}
		}
		return 'network_error';
	}
}
