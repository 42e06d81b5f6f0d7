<?php
/**
 * Where an event goes when the outbox does not take it: its own option, else an encrypted file. From there it is moved into the
 * outbox once that works.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;
use Pressferry\ServerLog;
use Pressferry\State\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- one statement for each event, past the cache of options, which another process would write over.

class Spool {

	const PREFIX   = '_pressferry_spool_';
	const FAILURES = 'write_failures';

	// Bounds of what may pile up while no one looks: a database that is broken must not be filled.
	const MAX_OPTIONS = 2000;
	const BATCH       = 100;

	const MAX_FAILURES = 3;

	/** @var Outbox */
	private $outbox;

	/** @var Clock */
	private $clock;

	/** @var SpoolFile */
	private $file;

	public function __construct( Outbox $outbox, Clock $clock, ?SpoolFile $file = null ) {
		$this->outbox = $outbox;
		$this->clock  = $clock;
		$this->file   = $file ?? new SpoolFile();
	}

	/**
	 * Keeps an event that the outbox did not take, and says so: by a counter, to the log, and by an action.
	 *
	 * @return string option, file, or lost.
	 */
	public function keep( Entry $entry, string $reason ): string {
		global $wpdb;
		$before = $wpdb->suppress_errors( true );
		$text   = (string) wp_json_encode( $entry->to_array(), JSON_UNESCAPED_SLASHES );
		$where  = 'lost';
		if ( $this->keep_in_option( $entry->idempotency_key, $text ) ) {
			$where = 'option';
		} elseif ( $this->file->append( $text ) ) {
			$where = 'file';
		}
		$this->report( $entry, $reason, $where );
		$wpdb->suppress_errors( $before );
		return $where;
	}

	/**
	 * Moves kept events into the outbox, as far as that works now.
	 *
	 * @return int How many events were moved.
	 */
	public function drain(): int {
		global $wpdb;
		$moved = 0;
		$left  = 0;
		$rows  = $wpdb->get_results( $wpdb->prepare( "SELECT option_name, option_value FROM {$wpdb->options} WHERE option_name LIKE %s ORDER BY option_id LIMIT %d", $wpdb->esc_like( self::PREFIX ) . '%', self::BATCH ), ARRAY_A );
		foreach ( (array) $rows as $row ) {
			if ( ! $this->move( (string) $row['option_value'] ) ) {
				// One may be at fault itself; if the table is, no more of them are tried.
				if ( ++$left >= self::MAX_FAILURES ) {
					return $moved;
				}
				continue;
			}
			$wpdb->query( $wpdb->prepare( "DELETE FROM {$wpdb->options} WHERE option_name = %s", $row['option_name'] ) );
			++$moved;
		}
		return $moved + $this->file->drain( array( $this, 'move' ) );
	}

	/**
	 * How many events wait here; those in the file count as one if it is there.
	 */
	public function waiting(): int {
		global $wpdb;
		$rows = (int) $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( self::PREFIX ) . '%' ) );
		return $rows + ( $this->file->exists() ? 1 : 0 );
	}

	/**
	 * What went wrong so far: count, lost, at (milliseconds), reason, where; empty when nothing did.
	 *
	 * @return array<string, mixed>
	 */
	public static function failures(): array {
		return State::map( self::FAILURES );
	}

	/**
	 * @param string $text An entry's JSON.
	 * @return bool Whether it needs no more keeping.
	 */
	public function move( string $text ): bool {
		$entry = Entry::from_array( json_decode( $text, true ) );
		// What cannot be read was not written by this plugin, or was cut by a full disk: it is useless.
		return null === $entry || Outbox::FAILED !== $this->outbox->insert( $entry );
	}

	private function keep_in_option( string $key, string $text ): bool {
		global $wpdb;
		$count = $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( self::PREFIX ) . '%' ) );
		return null !== $count && (int) $count < self::MAX_OPTIONS
			&& 1 === $wpdb->query( $wpdb->prepare( "INSERT INTO {$wpdb->options} (option_name, option_value, autoload) VALUES (%s, %s, 'no')", self::PREFIX . $key, $text ) );
	}

	private function report( Entry $entry, string $reason, string $where ): void {
		$so_far = self::failures();
		State::put(
			self::FAILURES,
			array(
				'count'  => (int) ( $so_far['count'] ?? 0 ) + 1,
				'lost'   => (int) ( $so_far['lost'] ?? 0 ) + ( 'lost' === $where ? 1 : 0 ),
				'at'     => $this->clock->now_ms(),
				'reason' => $reason,
				'where'  => $where,
			)
		);
		ServerLog::write( sprintf( 'Pressferry: the outbox did not take an event of type %s (%s); kept in: %s.', $entry->event_type, $reason, $where ) );
		/**
		 * An event could not be written to the outbox.
		 *
		 * @since 0.2.0
		 *
		 * @param string $reason The database's error number and state, without data.
		 * @param string $where  Where it is kept: option, file, or lost.
		 */
		do_action( 'pressferry_write_failed', $reason, $where );
	}
}
