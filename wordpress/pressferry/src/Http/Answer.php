<?php
/**
 * What one try's answer means for its row.
 *
 * Only what is certainly the backend's own counts: its 202 with a request id, and its problem documents. Everything else – a page, a
 * redirect, a proxy's or a firewall's word – says nothing about the event, which is tried again.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

use Pressferry\Clock;
use Pressferry\Contract\Wire;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Answer {

	// A refusal of the site or of the way, of which other events are none the wiser.
	const OF_ONE_EVENT = array( 'event_type_off', 'event_type_unknown', 'timestamp_drift' );

	// Refusals that a wrong clock explains.
	const OF_THE_CLOCK = array( 'timestamp_drift', 'token_expired', 'token_not_yet_valid' );

	// Statuses whose Retry-After is believed, no matter who sends it.
	const MAY_ASK_TO_WAIT = array( 429, 503 );

	/** @var string accepted; refused: never again as it is; hold: kept, tried ever more rarely; retry: tried soon. */
	public $kind = 'retry';

	/** @var int HTTP status; 0 when there was no answer. */
	public $status = 0;

	/** @var string The problem's code, or one of the plugin: network_error, timed_out, url_not_allowed, redirected, challenged, unexpected_answer, http_<status>. */
	public $code = '';

	/** @var string The backend's request id, when accepted. */
	public $request_id = '';

	/** @var int What Retry-After asked for; 0 when it did not. */
	public $retry_after_ms = 0;

	/** @var int|null The backend's clock, from the Date header of an answer that is its own. */
	public $server_ms;

	/** @var string[] Where the problem's faults are, as JSON pointers. */
	public $pointers = array();

	/**
	 * Reads what wp_remote_post returned.
	 *
	 * @param array<string, mixed>|\WP_Error $response As returned.
	 * @param int                            $now_ms   Milliseconds since 1970, if the answer has no Date.
	 */
	public static function of( $response, int $now_ms ): self {
		if ( is_wp_error( $response ) ) {
			// WordPress gives one code for all; only a label and how soon the next try is made hang on this text.
			$timed_out = 1 === preg_match( '/timed out|timeout was reached|cURL error 28/i', $response->get_error_message() );
			return self::without_answer( $timed_out ? 'timed_out' : 'network_error' );
		}
		$answer         = new self();
		$answer->status = (int) wp_remote_retrieve_response_code( $response );
		$answer->read( Json::first_map( wp_remote_retrieve_body( $response ) ) ?? array(), $response );
		if ( 'retry' === $answer->kind && 'challenged' !== $answer->code && in_array( $answer->status, self::MAY_ASK_TO_WAIT, true ) ) {
			$date_ms                = Clock::parse_http_date( self::header( $response, 'date' ) );
			$answer->retry_after_ms = self::retry_after_ms( self::header( $response, 'retry-after' ), $date_ms ?? $now_ms );
		}
		return $answer;
	}

	/**
	 * A try that brought no answer; it is worth another.
	 */
	public static function without_answer( string $code ): self {
		$answer       = new self();
		$answer->code = $code;
		return $answer;
	}

	/**
	 * Whether this try cost its process the whole time-out.
	 */
	public function timed_out(): bool {
		return 'timed_out' === $this->code;
	}

	/**
	 * @param array<string, mixed> $body     The answer's JSON, or an empty array.
	 * @param array<string, mixed> $response As returned by wp_remote_post.
	 */
	private function read( array $body, array $response ): void {
		$code = isset( $body['code'] ) && is_string( $body['code'] ) ? $body['code'] : '';
		if ( self::is_acceptance( $this->status, $body ) ) {
			$this->kind       = 'accepted';
			$this->request_id = $body['request_id'];
		} elseif ( isset( Wire::REACTIONS[ $code ] ) && self::is_refusal( $this->status, $body, self::header( $response, 'content-type' ) ) ) {
			$kinds          = array(
				'correct' => 'refused',
				'hold'    => 'hold',
				'repeat'  => 'retry',
			);
			$this->kind     = $kinds[ Wire::REACTIONS[ $code ] ];
			$this->code     = $code;
			$this->pointers = isset( $body['errors'] ) && is_array( $body['errors'] ) ? array_filter( array_column( $body['errors'], 'pointer' ), 'is_string' ) : array();
		} else {
			$this->code = self::strange( $this->status, $response );
			return;
		}
		$this->server_ms = Clock::parse_http_date( self::header( $response, 'date' ) );
	}

	/**
	 * @param array<string, mixed> $body
	 */
	private static function is_acceptance( int $status, array $body ): bool {
		return 202 === $status && 'accepted' === ( $body['status'] ?? null )
			&& isset( $body['request_id'] ) && is_string( $body['request_id'] ) && Uuid::is( $body['request_id'] );
	}

	/**
	 * Whether a problem document is the backend's, and not one of another product that calls a fault the same.
	 *
	 * @param array<string, mixed> $body
	 */
	private static function is_refusal( int $status, array $body, string $media_type ): bool {
		$type = isset( $body['type'] ) && is_string( $body['type'] ) ? $body['type'] : '';
		return $status >= 400 && 0 === strpos( strtolower( $media_type ), Wire::PROBLEM_CONTENT_TYPE )
			&& ( false === strpos( $type, '://' ) || 0 === strpos( $type, Wire::PROBLEM_TYPES ) )
			&& ( $body['status'] ?? $status ) === $status;
	}

	/**
	 * A name for an answer that is not the backend's.
	 *
	 * @param array<string, mixed> $response
	 */
	private static function strange( int $status, array $response ): string {
		foreach ( array( 'cf-mitigated', 'sg-captcha', 'x-amzn-waf-action' ) as $header ) {
			if ( '' !== self::header( $response, $header ) ) {
				return 'challenged';
			}
		}
		if ( $status >= 300 && $status < 400 ) {
			return 'redirected';
		}
		return $status < 300 ? 'unexpected_answer' : 'http_' . $status;
	}

	private static function retry_after_ms( string $value, int $now_ms ): int {
		if ( 1 === preg_match( '/^\d{1,9}$/', $value ) ) {
			return (int) $value * 1000;
		}
		$at_ms = Clock::parse_http_date( $value );
		return null === $at_ms ? 0 : max( 0, $at_ms - $now_ms );
	}

	/**
	 * @param array<string, mixed> $response
	 */
	private static function header( array $response, string $name ): string {
		$value = wp_remote_retrieve_header( $response, $name );
		return trim( is_array( $value ) ? (string) end( $value ) : (string) $value );
	}
}
