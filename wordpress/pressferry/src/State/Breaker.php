<?php
/**
 * The circuit breaker that all processes of a site share: whether a try is worth making now.
 *
 * Closed: rows are sent. Open: nothing is sent until a time. Then one row is tried; its outcome closes the breaker, or opens it for
 * longer. Changed credentials close it at once.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\State;

use Pressferry\Http\Answer;
use Pressferry\Outbox\Backoff;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Breaker {

	const STATE = 'breaker';

	const CLOSED = 'closed';
	const PROBE  = 'probe';
	const OPEN   = 'open';

	// One failure may be one event's fault; a time-out costs a process five seconds and opens at once.
	const FAILURES = 2;

	// How long it stays open at most: a backend that is back is noticed soon; refused credentials mostly wait for a person.
	const MAX_OUTAGE_MS = 300000;
	const MAX_HOLD_MS   = 900000;

	/** @var array<string, mixed> */
	private $state;

	/** @var string What the credentials are now, as a hash. */
	private $credentials;

	/** @var int The first time it stays open, in milliseconds. */
	private $base_ms;

	public function __construct( string $credentials, int $base_ms ) {
		$this->credentials = $credentials;
		$this->base_ms     = $base_ms;
		$this->state       = State::map( self::STATE );
	}

	/**
	 * How it is now: closed, probe (one row may be tried) or open.
	 */
	public function mode( int $now_ms ): string {
		$until = (int) ( $this->state['until'] ?? 0 );
		if ( 0 === $until || ! $this->same_credentials() ) {
			return self::CLOSED;
		}
		// A time that no rule gives was written by a clock that has been corrected since.
		$open = $now_ms < $until && $until <= $now_ms + Backoff::MAX_RETRY_AFTER_MS * 2;
		return $open ? self::OPEN : self::PROBE;
	}

	/**
	 * Whether something was wrong, so rows wait which can be sent now.
	 */
	public function had_trouble(): bool {
		return array() !== $this->state;
	}

	/**
	 * The backend took or judged an event.
	 */
	public function succeeded(): void {
		if ( $this->had_trouble() ) {
			State::forget( self::STATE );
			$this->state = array();
		}
	}

	/**
	 * A try failed; what the answer was decides for how long nothing is sent.
	 */
	public function failed( Answer $answer, int $now_ms ): void {
		$failures = ( $this->same_credentials() ? (int) ( $this->state['failures'] ?? 0 ) : 0 ) + 1;
		$opened   = max( 0, (int) ( $this->state['opened'] ?? 0 ) );
		$until    = 0;
		if ( $answer->retry_after_ms > 0 ) {
			$until = $now_ms + min( $answer->retry_after_ms, Backoff::MAX_RETRY_AFTER_MS );
		} elseif ( 'hold' === $answer->kind || $answer->timed_out() || $failures >= self::FAILURES ) {
			$until = $now_ms + Backoff::spread( min( $this->base_ms * ( 2 ** min( $opened, 20 ) ), 'hold' === $answer->kind ? self::MAX_HOLD_MS : self::MAX_OUTAGE_MS ) );
			++$opened;
		}
		$this->state = array(
			'until'       => $until,
			'failures'    => $failures,
			'opened'      => $opened,
			'kind'        => $answer->kind,
			'code'        => $answer->code,
			'since'       => (int) ( $this->state['since'] ?? $now_ms ),
			'at'          => $now_ms,
			'credentials' => $this->credentials,
		);
		State::put( self::STATE, $this->state );
	}

	/**
	 * Forgets everything: someone knows that the backend is back.
	 */
	public static function reset(): void {
		State::forget( self::STATE );
	}

	/**
	 * What is wrong, for people: until, failures, kind (retry or hold), code, since, at; empty when nothing is.
	 *
	 * @return array<string, mixed>
	 */
	public function trouble(): array {
		return $this->state;
	}

	private function same_credentials(): bool {
		return ( $this->state['credentials'] ?? $this->credentials ) === $this->credentials;
	}
}
