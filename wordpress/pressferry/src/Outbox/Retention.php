<?php
/**
 * What the tick deletes: events that have been kept long enough, by this server's clock and by the backend's. A clock that is a year
 * ahead would delete all that waits for the backend.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;
use Pressferry\State\BackendClock;
use Pressferry\State\TimeCheck;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Retention {

	/** @var Log */
	private $log;

	/** @var TimeCheck */
	private $time;

	/** @var Clock */
	private $clock;

	/** @var BackendClock */
	private $backend_clock;

	public function __construct( TimeCheck $time, Clock $clock, BackendClock $backend_clock ) {
		$this->log           = new Log( $clock );
		$this->time          = $time;
		$this->clock         = $clock;
		$this->backend_clock = $backend_clock;
	}

	/**
	 * Deletes what is due; nothing while the backend, which knows the time, does not answer.
	 */
	public function run(): void {
		if ( $this->log->has_expired() && $this->time->confirm() ) {
			$this->log->retain( min( $this->clock->now_ms(), $this->backend_clock->now_ms() ) );
		}
	}
}
