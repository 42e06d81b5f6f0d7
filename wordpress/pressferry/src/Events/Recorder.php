<?php
/**
 * Writes events to the outbox, inside the hook where they happen, and never breaks the visitor's request.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Payload;
use Pressferry\Outbox\Spool;
use Pressferry\Outbox\Statement;
use Pressferry\Outbox\Trigger;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Recorder {

	/** @var Outbox */
	private $outbox;

	/** @var Spool */
	private $spool;

	/** @var Trigger */
	private $trigger;

	public function __construct( Outbox $outbox, Spool $spool, Trigger $trigger ) {
		$this->outbox  = $outbox;
		$this->spool   = $spool;
		$this->trigger = $trigger;
	}

	/**
	 * Records the event that $make returns, if any; swallows every Throwable and reports it by an action only.
	 *
	 * @param callable(): ?Event $make Builds the event.
	 */
	public function record( callable $make ): void {
		try {
			$event = $make();
			if ( null !== $event && $this->write( $event ) ) {
				$this->trigger->queued();
			}
		} catch ( \Throwable $error ) {
			// The class only: a message may quote what the visitor typed.
			do_action( 'pressferry_record_failed', get_class( $error ) );
		}
	}

	/**
	 * @return bool Whether a sendable row was added.
	 */
	private function write( Event $event ): bool {
		/**
		 * Changes what is sent; must return an array that the event type's schema accepts.
		 */
		$data = (array) apply_filters( 'pressferry_event_payload', $event->data, $event->type, $event->object_ref );
		/**
		 * Says whether the event is sent at all.
		 */
		if ( ! apply_filters( 'pressferry_should_send', $event->wanted, $event->type, $event->object_ref, $data ) ) {
			return false;
		}
		$entry = $this->outbox->entry( $event, Payload::freeze( $data, $event->type ) );
		$added = $this->outbox->insert( $entry );
		if ( Outbox::FAILED === $added ) {
			return 'lost' !== $this->spool->keep( $entry, Statement::last_fault() );
		}
		return Outbox::ADDED === $added && '' === $entry->fault;
	}
}
