<?php
/**
 * The whole way of a test event, step by step: sent, accepted, processed, result received.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Callback\Inbox;
use Pressferry\Clock;
use Pressferry\Http\TestEvent;
use Pressferry\State\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class RoundTrip {

	const STATE = 'round_trip';
	const STEPS = array( 'sent', 'accepted', 'processed', 'received' );

	// The push has so long before the result is fetched; then the backend has so long to process the event.
	const PUSH_MS    = 12000;
	const PROCESS_MS = 60000;

	/** @var TestEvent */
	private $test;

	/** @var Inbox */
	private $inbox;

	/** @var Poll */
	private $poll;

	/** @var Api */
	private $api;

	/** @var Clock */
	private $clock;

	/**
	 * @param array{test: TestEvent, inbox: Inbox, poll: Poll, api: Api, clock: Clock} $parts
	 */
	public function __construct( array $parts ) {
		$this->test  = $parts['test'];
		$this->inbox = $parts['inbox'];
		$this->poll  = $parts['poll'];
		$this->api   = $parts['api'];
		$this->clock = $parts['clock'];
	}

	/**
	 * Sends a test event.
	 *
	 * @return array<string, mixed> As `TestEvent::send`.
	 */
	public function start(): array {
		$verdict = $this->test->send();
		State::put( self::STATE, $verdict + array( 'at' => $this->clock->now_ms() ) );
		return $verdict;
	}

	/**
	 * How far the last test event has come; asks the backend if a push is late.
	 *
	 * @return array{steps: array<string, string>, code: string, over: bool, by: string, took_ms: int} Of each step done, failed, waiting or
	 *         not_reached; `code` says why one failed; `by` how the result came: push or poll.
	 */
	public function look(): array {
		$trip = State::map( self::STATE );
		$at   = (int) ( $trip['at'] ?? 0 );
		if ( 0 === $at ) {
			return self::found( 0, '', false );
		}
		if ( 'accepted' !== ( $trip['code'] ?? '' ) ) {
			// No status: nothing answered, so it was not even sent.
			return self::found( 0 === (int) $trip['status'] ? 0 : 1, (string) $trip['code'], true );
		}
		$now     = $this->clock->now_ms();
		$results = $this->inbox->find( 'idempotency_key', (string) $trip['key'], 1 );
		if ( array() !== $results ) {
			return array(
				'by'      => (string) ( $trip['by'] ?? 'push' ),
				'took_ms' => max( 0, $results[0]['stored_at'] - $at ),
			) + self::found( 4, '', true );
		}
		$waited = $now - $at;
		if ( $waited < self::PUSH_MS ) {
			return self::found( 2, '', false );
		}
		if ( ! $this->api->is_known() ) {
			return $waited < self::PROCESS_MS ? self::found( 2, '', false ) : self::found( 2, 'no_push', true );
		}
		State::put( self::STATE, array( 'by' => 'poll' ) + $trip );
		$code = $this->poll->fetch( (string) $trip['request_id'] );
		if ( '' === $code ) {
			return $this->look();
		}
		State::put( self::STATE, array( 'by' => 'push' ) + $trip );
		if ( 'result_unknown' === $code ) {
			return $waited < self::PROCESS_MS ? self::found( 2, '', false ) : self::found( 2, 'not_processed', true );
		}
		return self::found( 'not_stored' === $code ? 3 : 2, $code, $waited >= self::PROCESS_MS );
	}

	/**
	 * @param int $done How many steps are done.
	 * @return array{steps: array<string, string>, code: string, over: bool, by: string, took_ms: int}
	 */
	private static function found( int $done, string $code, bool $over ): array {
		$steps = array();
		foreach ( self::STEPS as $at => $step ) {
			$next           = '' === $code ? 'waiting' : 'failed';
			$steps[ $step ] = $at < $done ? 'done' : ( $at === $done ? $next : 'not_reached' );
		}
		return array(
			'steps'   => $steps,
			'code'    => $code,
			'over'    => $over,
			'by'      => '',
			'took_ms' => 0,
		);
	}
}
