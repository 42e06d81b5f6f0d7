<?php
/**
 * Whether a signed push is fresh, by the backend's clock; asks the backend for its time when this site's may be wrong.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\State;

use Pressferry\Clock;
use Pressferry\Http\Sender;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class TimeCheck {

	const STATE = 'time_asked_at';

	// However many stale pushes come, the backend is asked once in this time.
	const EVERY_MS = 60000;

	/** @var Sender */
	private $sender;

	/** @var BackendClock */
	private $backend_clock;

	/** @var Clock */
	private $clock;

	public function __construct( Sender $sender, BackendClock $backend_clock, Clock $clock ) {
		$this->sender        = $sender;
		$this->backend_clock = $backend_clock;
		$this->clock         = $clock;
	}

	/**
	 * Whether a time is within the window of the backend's present.
	 */
	public function is_fresh( int $sent_ms, int $window_ms ): bool {
		$this->backend_clock->refresh();
		if ( abs( $this->backend_clock->now_ms() - $sent_ms ) <= $window_ms ) {
			return true;
		}
		// Only what bears a true signature gets here: either it is old, or our clock is wrong. Only the backend itself knows.
		return $this->ask() && abs( $this->backend_clock->now_ms() - $sent_ms ) <= $window_ms;
	}

	/**
	 * Whether the backend's time is certain now, because it answered in this process, or does so when it is asked. If this site has no
	 * backend, its own clock is all there is.
	 */
	public function confirm(): bool {
		if ( '' === $this->sender->blocked_by() && ! $this->backend_clock->is_confirmed() ) {
			$this->ask();
			return $this->backend_clock->is_confirmed();
		}
		return true;
	}

	/**
	 * Learns the backend's time from an answer to this site's request.
	 *
	 * @return bool Whether the known offset was wrong.
	 */
	private function ask(): bool {
		$asked = State::get( array( self::STATE ) )[ self::STATE ];
		$now   = $this->clock->now_ms();
		if ( '' !== $this->sender->blocked_by() || abs( $now - (int) $asked ) < self::EVERY_MS || ! State::swap( self::STATE, $asked, (string) $now ) ) {
			return false;
		}
		$answer = $this->sender->ask_time( intdiv( $now, 1000 ) );
		return null !== $answer->server_ms && $this->backend_clock->learn( $answer->server_ms, $now, $this->clock->now_ms() );
	}
}
