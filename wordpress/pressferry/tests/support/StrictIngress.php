<?php
namespace Pressferry\Tests;

use Pressferry\Clock;

/**
 * Judges times as ingress does, by a clock that differs from this server's.
 */
final class StrictIngress {
	/** @var int How far its clock is ahead of this server's, in seconds. */
	public $ahead_s;

	/** @var array<int, array<string, mixed>> The bodies that it took. */
	public $taken = array();

	public function __construct( int $ahead_s ) {
		$this->ahead_s = $ahead_s;
	}

	public function now_ms(): int {
		return ( time() + $this->ahead_s ) * 1000;
	}

	/**
	 * @param array<string, mixed> $args Of the request.
	 */
	public function __invoke( array $args ): array {
		if ( 'POST' !== $args['method'] ) {
			return $this->refuse( 'method_not_allowed', 405 );
		}
		$token  = explode( '.', $args['headers']['Authorization'] );
		$claims = json_decode( base64_decode( strtr( $token[1], '-_', '+/' ) ), true );
		$now_s  = intdiv( $this->now_ms(), 1000 );
		if ( $claims['exp'] <= $now_s - 60 ) {
			return $this->refuse( 'token_expired', 401 );
		}
		if ( $claims['iat'] > $now_s + 60 ) {
			return $this->refuse( 'token_not_yet_valid', 401 );
		}
		$body     = json_decode( $args['body'], true );
		$age      = $this->now_ms() - Clock::parse_ms( $body['occurred_at'] );
		$in_order = abs( $this->now_ms() - Clock::parse_ms( $body['sent_at'] ) ) <= 300000 && $age <= 72 * 3600000 && $age >= -300000;
		if ( ! $in_order ) {
			return $this->refuse( 'timestamp_drift', 422 );
		}
		$this->taken[] = $body;
		return FakeIngress::accepted( array( 'date' => $this->date() ) );
	}

	private function refuse( string $code, int $status ): array {
		return FakeIngress::response( $status, array( 'status' => $status, 'code' => $code ), array( 'content-type' => 'application/problem+json', 'date' => $this->date() ) );
	}

	private function date(): string {
		return gmdate( 'D, d M Y H:i:s', intdiv( $this->now_ms(), 1000 ) ) . ' GMT';
	}
}
