<?php
/**
 * Tells the backend once an hour, and after trouble, how this site is: versions, what waits, the clock, the key's age. No personal data.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Trigger;
use Pressferry\State\BackendClock;
use Pressferry\State\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Heartbeat {

	const STATE      = 'heartbeat';
	const EVERY_MS   = 3600000;
	const TROUBLE_MS = 300000;

	/** @var array{config: Config, clock: Clock, backend_clock: BackendClock, outbox: Outbox, dispatcher: Dispatcher, api: Api, identity: Identity} */
	private $parts;

	/**
	 * @param array{config: Config, clock: Clock, backend_clock: BackendClock, outbox: Outbox, dispatcher: Dispatcher, api: Api, identity: Identity} $parts
	 */
	public function __construct( array $parts ) {
		$this->parts = $parts;
	}

	/**
	 * Sends one if it is due: after an hour; or once trouble began or ended, five minutes after the last.
	 */
	public function beat(): void {
		if ( ! $this->parts['api']->is_known() || array() !== $this->parts['config']->missing() ) {
			return;
		}
		$this->parts['identity']->notice();
		$stored  = State::get( array( self::STATE ) )[ self::STATE ];
		$last    = json_decode( $stored, true );
		$last    = is_array( $last ) ? $last : array();
		$now     = $this->parts['clock']->now_ms();
		$trouble = array() !== $this->parts['dispatcher']->breaker()->trouble();
		$age     = $now - (int) ( $last['at'] ?? 0 );
		$changed = ! empty( $last['trouble'] ) !== $trouble;
		// A time that is ahead was written by a clock that has been corrected since.
		if ( $age >= 0 && $age < ( $changed ? self::TROUBLE_MS : self::EVERY_MS ) ) {
			return;
		}
		$next = (string) wp_json_encode(
			array(
				'at'      => $now,
				'trouble' => $trouble,
			)
		);
		// Of several processes one sends.
		if ( State::swap( self::STATE, $stored, $next ) ) {
			$this->send();
		}
	}

	/**
	 * Sends one now, and does what the answer asks for.
	 */
	public function send(): Reply {
		$reply = $this->parts['api']->post( '/heartbeat', $this->report() );
		if ( $reply->ok() && true === ( $reply->data['rotate_secret'] ?? false ) ) {
			$this->parts['identity']->rotate( false, true );
		}
		return $reply;
	}

	/**
	 * @return array<string, mixed>
	 */
	public function report(): array {
		$summary = $this->parts['outbox']->summary();
		$now     = $this->parts['clock']->now_ms();
		$made_at = (int) $this->parts['config']->get( 'KEY_MADE_AT' );
		$tick    = wp_next_scheduled( Trigger::CRON_HOOK );
		return array(
			'home_url'          => Config::home(),
			'is_copy'           => '' !== $this->parts['config']->copy_of(),
			'plugin_version'    => PRESSFERRY_VERSION,
			'wordpress_version' => substr( (string) get_bloginfo( 'version' ), 0, 40 ),
			'php_version'       => substr( PHP_VERSION, 0, 40 ),
			'counts'            => $summary['counts'],
			'oldest_pending_s'  => $summary['oldest_pending_at'] > 0 ? max( 0, intdiv( $now - $summary['oldest_pending_at'], 1000 ) ) : null,
			'clock_offset_ms'   => $this->parts['backend_clock']->offset_ms(),
			'key_age_s'         => $made_at > 0 ? max( 0, intdiv( $now, 1000 ) - $made_at ) : null,
			'cron_late_s'       => false === $tick ? 0 : max( 0, time() - $tick ),
		);
	}
}
