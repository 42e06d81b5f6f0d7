<?php
/**
 * What is wrong with recording and sending, in sentences for Site Health and for the notice in the dashboard.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Clock;
use Pressferry\Events\Recorder;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Schema;
use Pressferry\Outbox\Spool;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Trouble {

	// Five ticks of WP-Cron.
	const LATE_MS = 300000;

	// A fault of writing is told for as long, once it is over.
	const REMEMBERED_MS = DAY_IN_SECONDS * 1000;

	/** @var Outbox */
	private $outbox;

	/** @var Spool */
	private $spool;

	/** @var Dispatcher */
	private $dispatcher;

	/** @var Clock */
	private $clock;

	public function __construct( Outbox $outbox, Spool $spool, Dispatcher $dispatcher, Clock $clock ) {
		$this->outbox     = $outbox;
		$this->spool      = $spool;
		$this->dispatcher = $dispatcher;
		$this->clock      = $clock;
	}

	/**
	 * @return string[] Why events could not be written to the outbox; empty when they can.
	 */
	public function of_writing(): array {
		$faults  = array();
		$missing = Schema::lost();
		if ( array() !== $missing ) {
			/* translators: %s: names of database tables. */
			$faults[] = sprintf( __( 'A table of the database is missing: %s. It is made again with the next event, if the database allows it.', 'pressferry' ), implode( ', ', $missing ) );
		}
		$failures = Spool::failures();
		$waiting  = $this->spool->waiting();
		if ( $waiting > 0 || ( array() !== $failures && $this->clock->now_ms() - (int) $failures['at'] < self::REMEMBERED_MS ) ) {
			/* translators: 1: how often, 2: number of events, 3: number of events, 4: an error number of the database. */
			$faults[] = sprintf( __( 'The outbox did not take an event %1$d time(s). Waiting elsewhere: %2$d; lost: %3$d; the last error: %4$s.', 'pressferry' ), (int) ( $failures['count'] ?? 0 ), $waiting, (int) ( $failures['lost'] ?? 0 ), (string) ( $failures['reason'] ?? '' ) );
		}
		$thrown = Recorder::faults();
		if ( array() !== $thrown && $this->clock->now_ms() - (int) $thrown['at'] < self::REMEMBERED_MS ) {
			/* translators: 1: number of events, 2: the class of an error. */
			$faults[] = sprintf( __( 'Events that were not recorded because a source or a filter failed: %1$d; the last error: %2$s, see the server\'s log.', 'pressferry' ), (int) $thrown['count'], (string) $thrown['class'] );
		}
		return $faults;
	}

	/**
	 * @return array<string, int> How many events are in each status.
	 */
	public function counts(): array {
		return $this->outbox->summary()['counts'];
	}

	/**
	 * What a person must do something about: events wait that the backend has not taken, or for long. An empty string if none does.
	 */
	public function lasting(): string {
		$summary = $this->outbox->summary();
		$is_late = $summary['oldest_pending_at'] > 0 && $this->clock->now_ms() - $summary['oldest_pending_at'] > self::LATE_MS;
		$waiting = $summary['counts']['dead'] + $summary['counts']['held'];
		if ( 0 === $waiting && ! $is_late ) {
			return '';
		}
		$code = (string) ( $this->dispatcher->breaker()->trouble()['code'] ?? '' );
		/* translators: %d: number of events. */
		$text = $waiting > 0 ? sprintf( __( 'Events that the backend has not taken so far, and that are tried again: %d.', 'pressferry' ), $waiting ) : __( 'An event has waited for more than five minutes.', 'pressferry' );
		return '' === $code ? $text : $text . ' ' . Remedies::of( $code );
	}

	/**
	 * @return string[] Why events are not sent, or were not taken; empty when all is well.
	 */
	public function of_sending(): array {
		$faults  = array();
		$summary = $this->outbox->summary();
		if ( $summary['oldest_pending_at'] > 0 && $this->clock->now_ms() - $summary['oldest_pending_at'] > self::LATE_MS ) {
			$faults[] = __( 'An event has waited for more than five minutes.', 'pressferry' );
		}
		$counts = $summary['counts'];
		if ( $counts['dead'] + $counts['held'] > 0 ) {
			/* translators: %d: number of events. */
			$faults[] = sprintf( __( 'Events that the backend has not taken so far, and that are tried again: %d.', 'pressferry' ), $counts['dead'] + $counts['held'] );
		}
		if ( $counts['refused'] > 0 ) {
			/* translators: %d: number of events. */
			$faults[] = sprintf( __( 'Events that the backend refused for good: %d.', 'pressferry' ), $counts['refused'] );
		}
		$trouble = $this->dispatcher->breaker()->trouble();
		if ( array() !== $trouble ) {
			/* translators: %s: a code. */
			$faults[] = sprintf( __( 'The last try failed: %s.', 'pressferry' ), (string) $trouble['code'] );
		}
		return $faults;
	}
}
