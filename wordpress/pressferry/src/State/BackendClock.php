<?php
/**
 * The backend's time: this server's clock and the offset that the backend's answers have taught.
 *
 * Only answers that our backend gave to this site's request teach it, over HTTPS: a push that was captured and sent again later must
 * not turn the clock back to its own time.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\State;

use Pressferry\Clock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class BackendClock {

	const STATE = 'clock_offset_ms';

	// A Date header has a grain of a second, and the way takes its time: below this there is nothing to correct.
	const GRAIN_MS = 2000;

	// Smaller changes are not worth a write.
	const CHANGE_MS = 5000;

	/** @var Clock */
	private $clock;

	/** @var array<int, int|null> Offset by blog, as far as this process has read it. */
	private $offsets = array();

	/** @var array<int, true> By blog, whether the backend has told its time in this piece of work. */
	private $confirmed = array();

	public function __construct( Clock $clock ) {
		$this->clock = $clock;
	}

	/**
	 * Milliseconds since 1970 by the backend's clock, as far as it is known.
	 */
	public function now_ms(): int {
		return $this->clock->now_ms() + ( $this->offset_ms() ?? 0 );
	}

	/**
	 * Reads again what other processes may have learned since; at the beginning of a piece of work.
	 */
	public function refresh(): void {
		$this->offsets   = array();
		$this->confirmed = array();
	}

	/**
	 * What to add to this server's clock, in milliseconds; null until an answer has taught it.
	 */
	public function offset_ms(): ?int {
		$blog = get_current_blog_id();
		if ( ! array_key_exists( $blog, $this->offsets ) ) {
			$this->offsets[ $blog ] = self::valid( State::get( array( self::STATE ) )[ self::STATE ] );
		}
		return $this->offsets[ $blog ];
	}

	/**
	 * Whether the offset is not only remembered: the backend has answered in this piece of work.
	 */
	public function is_confirmed(): bool {
		return isset( $this->confirmed[ get_current_blog_id() ] );
	}

	/**
	 * An offset as it was stored; null for none, and for what no clock can be wrong by.
	 *
	 * @param string|int|null $stored
	 */
	public static function valid( $stored ): ?int {
		return 1 === preg_match( '/^-?\d{1,14}$/', (string) $stored ) ? (int) $stored : null;
	}

	/**
	 * Learns from the Date header of an answer.
	 *
	 * @param int $server_ms What the header says.
	 * @param int $before_ms This server's clock before the request.
	 * @param int $after_ms  This server's clock after the answer.
	 * @return bool Whether the offset was wrong by so much that a try made with it is worth repeating.
	 */
	public function learn( int $server_ms, int $before_ms, int $after_ms ): bool {
		$offset = $server_ms + 500 - intdiv( $before_ms + $after_ms, 2 );
		$known  = $this->offset_ms();
		$wrong  = abs( $offset - ( $known ?? 0 ) ) >= self::CHANGE_MS;

		$this->confirmed[ get_current_blog_id() ] = true;
		if ( null === $known || $wrong ) {
			$offset = abs( $offset ) < self::GRAIN_MS ? 0 : $offset;
			State::put( self::STATE, (string) $offset );
			$this->offsets[ get_current_blog_id() ] = $offset;
		}
		return $wrong;
	}
}
