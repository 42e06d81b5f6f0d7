<?php
/**
 * Requests of this site for itself – results, heartbeats, rotations – signed as its events are.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Http\Jwt;
use Pressferry\Http\Request;
use Pressferry\Http\Signer;
use Pressferry\State\BackendClock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Api {

	// Refusals that a wrong clock explains.
	const OF_THE_CLOCK = array( 'token_expired', 'token_not_yet_valid', 'enrolment_proof_invalid' );

	/** @var Config */
	private $config;

	/** @var BackendClock */
	private $backend_clock;

	/** @var Clock */
	private $clock;

	public function __construct( Config $config, BackendClock $backend_clock, Clock $clock ) {
		$this->config        = $config;
		$this->backend_clock = $backend_clock;
		$this->clock         = $clock;
	}

	/**
	 * Whether this site knows where the backend's results are.
	 */
	public function is_known(): bool {
		return '' !== $this->config->get( 'RESULTS_URL' );
	}

	/**
	 * A GET with a token; `max_bytes` of the answer are read.
	 */
	public function get( string $path, int $max_bytes = 65536 ): Reply {
		return $this->ask(
			'GET',
			$path,
			function () {
				return null;
			},
			$max_bytes
		);
	}

	/**
	 * A signed POST.
	 *
	 * @param callable|array<string, mixed> $body The JSON, or a function that makes it for a time in seconds, by the backend's clock.
	 */
	public function post( string $path, $body ): Reply {
		return $this->ask(
			'POST',
			$path,
			static function ( int $now_s ) use ( $body ): string {
				return (string) wp_json_encode( is_callable( $body ) ? $body( $now_s ) : $body, JSON_UNESCAPED_SLASHES );
			},
			65536
		);
	}

	/**
	 * A POST without a token to any URL of a backend: how a site that has no keys yet enrols.
	 *
	 * @param callable $body Makes the JSON for a time in seconds, by the backend's clock.
	 */
	public function post_unsigned( string $url, callable $body ): Reply {
		return $this->in_time(
			function ( int $now_s ) use ( $url, $body ): Reply {
				if ( ! Request::is_allowed( $url, $this->config ) ) {
					return Reply::failed( 'url_not_allowed' );
				}
				$args = array(
					'headers' => array( 'Content-Type' => 'application/json' ),
					'body'    => (string) wp_json_encode( $body( $now_s ), JSON_UNESCAPED_SLASHES ),
					'timeout' => 15,
				);
				return Reply::of( Request::send( 'POST', $url, $args ) );
			}
		);
	}

	/**
	 * @param callable $body function( int $now_s ): ?string.
	 */
	private function ask( string $method, string $path, callable $body, int $max_bytes ): Reply {
		$url = untrailingslashit( $this->config->get( 'RESULTS_URL' ) ) . $path;
		return $this->in_time(
			function ( int $now_s ) use ( $method, $url, $body, $max_bytes ): Reply {
				if ( ! Request::is_allowed( $url, $this->config ) ) {
					return Reply::failed( 'url_not_allowed' );
				}
				$text    = $body( $now_s );
				$headers = array( 'Authorization' => 'Bearer ' . Jwt::token( $this->config, $now_s ) );
				if ( null !== $text ) {
					$headers += array(
						'Content-Type' => 'application/json',
						'X-Signature'  => Signer::sign( $text, $this->config->get( 'HMAC_SECRET' ) ),
					);
				}
				return Reply::of(
					Request::send(
						$method,
						$url,
						array(
							'headers'   => $headers,
							'body'      => $text,
							'max_bytes' => $max_bytes,
						)
					)
				);
			}
		);
	}

	/**
	 * Sends, and once more if the answer taught that this server's clock is wrong.
	 */
	private function in_time( callable $send ): Reply {
		$this->backend_clock->refresh();
		for ( $round = 0; ; $round++ ) {
			$before = $this->clock->now_ms();
			$reply  = $send( intdiv( $this->backend_clock->now_ms(), 1000 ) );
			$wrong  = null !== $reply->server_ms && $this->backend_clock->learn( $reply->server_ms, $before, $this->clock->now_ms() );
			if ( 0 < $round || ! $wrong || ! in_array( $reply->code, self::OF_THE_CLOCK, true ) ) {
				return $reply;
			}
		}
	}
}
