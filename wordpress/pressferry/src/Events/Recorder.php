<?php
/**
 * Writes events to the outbox, in the request where they happen, and never breaks that request.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Clock;
use Pressferry\Network;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Payload;
use Pressferry\Outbox\Settling;
use Pressferry\Outbox\Spool;
use Pressferry\Outbox\Statement;
use Pressferry\Outbox\Trigger;
use Pressferry\ServerLog;
use Pressferry\State\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Recorder {

	const FAULTS = 'record_faults';

	// Where sources listen: before another plugin can end the request at the same hook. What is captured is read at the end anyway.
	const FIRST = PHP_INT_MIN;

	// In an import or a bulk edit, events do not pile up until the end.
	const MAX_WAITING = 50;

	const ADDED     = 'added';
	const DUPLICATE = 'duplicate';
	const UNWANTED  = 'unwanted';
	const LOST      = 'lost';

	/** @var Outbox */
	private $outbox;

	/** @var Spool */
	private $spool;

	/** @var Trigger */
	private $trigger;

	/** @var Clock */
	private $clock;

	/** @var array<string, array{blog: int, make: callable}> What is recorded when the request ends. */
	private $waiting = array();

	/** @var (callable(): bool)|null Whether the present site wants what this recorder is given; null: always. */
	private $is_on;

	/** @var object Keeps the database open until this recorder is gone. */
	private $database;

	/** @var self|null The recorder to which this one hands what it is given for the end of the request, in the order of all. */
	private $origin;

	public function __construct( Outbox $outbox, Spool $spool, Trigger $trigger, Clock $clock ) {
		$this->outbox  = $outbox;
		$this->spool   = $spool;
		$this->trigger = $trigger;
		$this->clock   = $clock;

		$this->database = $GLOBALS['wpdb'];
	}

	/**
	 * The last chance: another plugin ended the request at `shutdown`, by `exit` or a fault, before this one was called.
	 */
	public function __destruct() {
		if ( array() === $this->waiting ) {
			return;
		}
		$GLOBALS['wpdb'] = $this->database; // phpcs:ignore WordPress.WP.GlobalVariablesOverride -- PHP may have taken it away by now.
		$this->capture_waiting();
	}

	public function register(): void {
		// After WordPress flushed its buffers (1), before the trigger (100).
		add_action( 'shutdown', array( $this, 'capture_waiting' ), 50 );
		// For processes that live long: what waits is recorded now.
		add_action( 'pressferry_capture', array( $this, 'capture_waiting' ) );
	}

	/**
	 * A recorder that asks, on the site of the network where something happens, whether it is recorded there.
	 *
	 * @param callable(): bool $is_on Of the present site.
	 */
	public function asking( callable $is_on ): self {
		$asking         = clone $this;
		$asking->origin = $this;
		$asking->is_on  = $is_on;
		return $asking;
	}

	/**
	 * Whether the present site wants what this recorder is given.
	 */
	public function is_on(): bool {
		return null === $this->is_on || ( $this->is_on )();
	}

	/**
	 * Records the event that $make returns, if any; swallows every Throwable and reports it.
	 *
	 * @param callable(): ?Event $make Builds the event.
	 */
	public function record( callable $make ): void {
		try {
			$event = $this->is_on() ? $make() : null;
			if ( null !== $event ) {
				$this->write( $event );
			}
		} catch ( \Throwable $error ) {
			$this->report( $error );
		}
	}

	/**
	 * Records at the end of the request, once for each key, what is true then: by then the object has all its terms, meta and lines.
	 *
	 * @param string             $key  The object, e.g. post:17; on the present site of a network.
	 * @param callable(): ?Event $make Reads the object and builds the event; null for none.
	 */
	public function capture( string $key, callable $make ): void {
		if ( null !== $this->origin ) {
			$this->origin->capture(
				$key,
				function () use ( $make ): ?Event {
					return $this->is_on() ? $make() : null;
				}
			);
			return;
		}
		$blog = get_current_blog_id();

		$this->waiting[ $blog . ':' . $key ] = array(
			'blog' => $blog,
			'make' => $make,
		);
		if ( count( $this->waiting ) >= self::MAX_WAITING ) {
			$this->capture_waiting();
		}
	}

	public function capture_waiting(): void {
		$waiting       = $this->waiting;
		$this->waiting = array();
		foreach ( $waiting as $one ) {
			Network::on(
				$one['blog'],
				function () use ( $one ): void {
					$this->record( $one['make'] );
				}
			);
		}
	}

	/**
	 * Records one event now.
	 *
	 * @return string ADDED, DUPLICATE, UNWANTED by a filter or by a site without this plugin, or LOST: neither the database nor the file system took it.
	 */
	public function write( Event $event ): string {
		if ( ! Network::has_plugin() ) {
			return self::UNWANTED;
		}
		$data = self::data( $event );
		if ( ! self::is_wanted( $event, $data ) ) {
			return self::UNWANTED;
		}
		$entry = $this->outbox->entry( $event, Payload::freeze( $data, $event->type ) );
		if ( $event->settle_ms > 0 && Settling::take( $entry ) ) {
			return self::ADDED;
		}
		$added = $this->outbox->insert( $entry );
		if ( Outbox::DUPLICATE === $added ) {
			return self::DUPLICATE;
		}
		if ( Outbox::FAILED === $added && 'lost' === $this->spool->keep( $entry, Statement::last_fault() ) ) {
			return self::LOST;
		}
		if ( '' === $entry->fault && 0 === $event->settle_ms ) {
			$this->trigger->queued();
		}
		return self::ADDED;
	}

	/**
	 * The data that would leave: as filters changed it, without the members that someone keeps here.
	 *
	 * @return array<string, mixed>
	 */
	public static function data( Event $event ): array {
		/**
		 * Changes what is sent; must return an array that the event type's schema accepts.
		 *
		 * @since 0.1.0
		 *
		 * @param array  $data       As the source made it.
		 * @param string $type       The event type.
		 * @param string $object_ref What the event is about.
		 */
		$data = (array) apply_filters( 'pressferry_event_payload', $event->data, $event->type, $event->object_ref );
		return Fields::allowed( $data, $event->type );
	}

	/**
	 * @param array<string, mixed> $data What would be sent.
	 */
	public static function is_wanted( Event $event, array $data ): bool {
		/**
		 * Says whether the event is sent at all.
		 *
		 * @since 0.1.0
		 *
		 * @param bool   $wanted     What the source says: false e.g. for a post behind a password.
		 * @param string $type       The event type.
		 * @param string $object_ref What the event is about.
		 * @param array  $data       What would be sent.
		 */
		return (bool) apply_filters( 'pressferry_should_send', $event->wanted, $event->type, $event->object_ref, $data );
	}

	/**
	 * What faults of filters and sources cost so far: count, at (milliseconds), class of the last one; empty when nothing.
	 *
	 * @return array<string, mixed>
	 */
	public static function faults(): array {
		return State::map( self::FAULTS );
	}

	private function report( \Throwable $error ): void {
		// The class only: a message may quote what the visitor typed.
		$class = get_class( $error );
		State::put(
			self::FAULTS,
			array(
				'count' => (int) ( self::faults()['count'] ?? 0 ) + 1,
				'at'    => $this->clock->now_ms(),
				'class' => $class,
			)
		);
		ServerLog::write( sprintf( 'Pressferry: an event was not recorded: %s at %s:%d.', $class, $error->getFile(), $error->getLine() ) );
		/**
		 * A source or a filter threw; the event that it was about is not recorded.
		 *
		 * @since 0.1.0
		 *
		 * @param string $class The error's class.
		 */
		do_action( 'pressferry_record_failed', $class );
	}
}
