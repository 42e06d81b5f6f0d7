<?php
/**
 * Decides whether a request really comes from our backend, and freshly.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Http\Signer;
use Pressferry\State\TimeCheck;
use WP_REST_Request;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Verifier {

	const WINDOW_MS      = 300000;
	const MAX_BODY_BYTES = 1048576;

	/** @var Config */
	private $config;

	/** @var TimeCheck */
	private $time;

	public function __construct( Config $config, TimeCheck $time ) {
		$this->config = $config;
		$this->time   = $time;
	}

	/**
	 * Checks signature, then freshness; before the signature it reads nothing from the database but settings, and writes nothing.
	 *
	 * @return array{secret: string, code: string} The secret that verified (the answer is signed with it), or a refusal code.
	 */
	public function verify( WP_REST_Request $request ): array {
		$body = (string) $request->get_body();
		if ( '' === $body || 'POST' !== $request->get_method() ) {
			// X-HTTP-Method-Override can turn a GET into this, with nothing to verify.
			return self::refuse( 'body_missing' );
		}
		if ( strlen( $body ) > self::MAX_BODY_BYTES ) {
			return self::refuse( 'body_too_large' );
		}
		if ( array() === $this->config->secrets() ) {
			return self::refuse( 'not_configured' );
		}
		$webhook = array();
		foreach ( array( 'webhook-id', 'webhook-timestamp', 'webhook-signature' ) as $name ) {
			$webhook[] = (string) $request->get_header( $name );
		}
		return '' === implode( '', $webhook ) ? $this->by_x_signature( $request, $body ) : $this->by_webhook( $webhook, $body );
	}

	/**
	 * @param string[] $headers Id, timestamp in Unix seconds, space-separated signatures.
	 * @return array{secret: string, code: string}
	 */
	private function by_webhook( array $headers, string $body ): array {
		list( $id, $timestamp, $signatures ) = $headers;
		foreach ( $this->config->secrets() as $secret ) {
			$expected = Signer::webhook( $id, $timestamp, $body, $secret );
			foreach ( array_slice( explode( ' ', $signatures ), 0, 10 ) as $signature ) {
				if ( hash_equals( $expected, $signature ) ) {
					$sent_ms = 1 === preg_match( '/^\d{1,12}$/', $timestamp ) ? (int) $timestamp * 1000 : null;
					return $this->if_fresh( $secret, $sent_ms );
				}
			}
		}
		return self::refuse( 'signature_invalid' );
	}

	/**
	 * @return array{secret: string, code: string}
	 */
	private function by_x_signature( WP_REST_Request $request, string $body ): array {
		$given = (string) $request->get_header( 'x-signature' );
		foreach ( $this->config->secrets() as $secret ) {
			if ( hash_equals( Signer::sign( $body, $secret ), $given ) ) {
				$parsed = json_decode( $body, true );
				$sent   = is_array( $parsed ) && isset( $parsed['sent_at'] ) && is_string( $parsed['sent_at'] ) ? $parsed['sent_at'] : '';
				return $this->if_fresh( $secret, Clock::parse_ms( $sent ) );
			}
		}
		return self::refuse( 'signature_invalid' );
	}

	/**
	 * @return array{secret: string, code: string}
	 */
	private function if_fresh( string $secret, ?int $sent_ms ): array {
		if ( null === $sent_ms || ! $this->time->is_fresh( $sent_ms, self::WINDOW_MS ) ) {
			return self::refuse( 'timestamp_stale' );
		}
		return array(
			'secret' => $secret,
			'code'   => '',
		);
	}

	/**
	 * @return array{secret: string, code: string}
	 */
	private static function refuse( string $code ): array {
		return array(
			'secret' => '',
			'code'   => $code,
		);
	}
}
