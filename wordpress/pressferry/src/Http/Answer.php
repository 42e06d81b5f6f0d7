<?php
/**
 * What one try's answer means for its row.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Answer {

	const RETRYABLE = array( 408, 425, 429 );

	/** @var string accepted, retry or refused. */
	public $kind;

	/** @var int HTTP status; 0 when there was no answer. */
	public $status;

	/** @var string The problem's stable code, or one of ours: network_error, timed_out, url_not_allowed, unexpected_answer, http_<status>. */
	public $code = '';

	/** @var string The backend's request id, when accepted. */
	public $request_id = '';

	/** @var int What Retry-After asked for; 0 when it did not. */
	public $retry_after_ms = 0;

	/** @var int|null The backend's clock, from its Date header. */
	public $server_ms;

	/**
	 * Reads what wp_remote_post returned.
	 *
	 * @param array<string, mixed>|\WP_Error $response As returned.
	 */
	public static function of( $response, int $now_ms ): self {
		$answer = new self();
		if ( is_wp_error( $response ) ) {
			// WordPress gives one code for all; only a label for people hangs on this text.
			$timed_out = 1 === preg_match( '/timed out|timeout was reached|cURL error 28/i', $response->get_error_message() );
			return self::without_answer( $timed_out ? 'timed_out' : 'network_error' );
		}
		$answer->status = (int) wp_remote_retrieve_response_code( $response );
		$body           = json_decode( wp_remote_retrieve_body( $response ), true );
		$body           = is_array( $body ) ? $body : array();
		$date           = strtotime( self::header( $response, 'date' ) );

		$answer->server_ms = false === $date ? null : $date * 1000;
		if ( 202 === $answer->status && isset( $body['request_id'] ) && is_string( $body['request_id'] ) && Uuid::is( $body['request_id'] ) ) {
			$answer->kind       = 'accepted';
			$answer->request_id = $body['request_id'];
			return $answer;
		}
		$retryable              = in_array( $answer->status, self::RETRYABLE, true ) || $answer->status >= 500;
		$answer->kind           = $retryable ? 'retry' : 'refused';
		$answer->code           = self::code( $body, $answer->status );
		$answer->retry_after_ms = $retryable ? self::retry_after_ms( self::header( $response, 'retry-after' ), $now_ms ) : 0;
		return $answer;
	}

	/**
	 * A try that brought no answer; it is worth another.
	 */
	public static function without_answer( string $code ): self {
		$answer         = new self();
		$answer->kind   = 'retry';
		$answer->status = 0;
		$answer->code   = $code;
		return $answer;
	}

	/**
	 * @param array<string, mixed> $body
	 */
	private static function code( array $body, int $status ): string {
		if ( isset( $body['code'] ) && is_string( $body['code'] ) && 1 === preg_match( '/^[a-z0-9_.-]{1,64}$/i', $body['code'] ) ) {
			return $body['code'];
		}
		// A 2xx that is no acceptance: a cached page, a captcha, a wrong URL.
		return $status < 300 ? 'unexpected_answer' : 'http_' . $status;
	}

	private static function retry_after_ms( string $value, int $now_ms ): int {
		if ( 1 === preg_match( '/^\d{1,7}$/', $value ) ) {
			return (int) $value * 1000;
		}
		$at = '' === $value ? false : strtotime( $value );
		return false === $at ? 0 : max( 0, $at * 1000 - $now_ms );
	}

	/**
	 * @param array<string, mixed> $response
	 */
	private static function header( array $response, string $name ): string {
		$value = wp_remote_retrieve_header( $response, $name );
		return trim( is_array( $value ) ? (string) end( $value ) : (string) $value );
	}
}
