<?php
/**
 * `wp pressferry outbox`.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Cli;

use Pressferry\Outbox\Log;
use Pressferry\Outbox\Outbox;
use Pressferry\State\Breaker;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Lists, sends again and deletes events.
 */
final class OutboxCommand {

	const COLUMNS = array( 'id', 'event_type', 'object_ref', 'status', 'attempts', 'last_status', 'last_error', 'request_id', 'idempotency_key' );

	/** @var Log */
	private $log;

	/** @var Outbox */
	private $outbox;

	/** @var NetworkCommand */
	private $network;

	public function __construct( Log $log, Outbox $outbox, NetworkCommand $network ) {
		$this->log     = $log;
		$this->outbox  = $outbox;
		$this->network = $network;
	}

	/**
	 * Lists events, newest first.
	 *
	 * ## OPTIONS
	 *
	 * [--network]
	 * : On every site of the network; --limit is of each.
	 *
	 * [--status=<status>]
	 * : pending, sending, sent, refused, dead or held.
	 *
	 * [--type=<type>]
	 * : An event type.
	 *
	 * [--search=<text>]
	 * : An idempotency key, a request id or an object.
	 *
	 * [--limit=<n>]
	 * : 50 unless given.
	 *
	 * [--format=<format>]
	 * : table, json, csv, ids or count.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options status, type, search, limit, format.
	 */
	public function list( $args, $options ): void {
		$filter = array(
			'status'     => $this->status( $options ),
			'event_type' => (string) ( $options['type'] ?? '' ),
			'search'     => (string) ( $options['search'] ?? '' ),
			'limit'      => Options::number( $options, 'limit', 50, 1 ),
		);
		$format = Options::format( $options, array( 'table', 'json', 'csv', 'ids', 'count' ) );
		if ( NetworkCommand::asked( $options ) ) {
			$this->network->outbox_list( $filter, self::COLUMNS, $format );
			return;
		}
		if ( 'count' === $format ) {
			\WP_CLI::line( (string) $this->log->count( $filter ) );
			return;
		}
		$rows = $this->log->find( $filter );
		if ( 'ids' === $format ) {
			\WP_CLI::line( implode( ' ', array_column( $rows, 'id' ) ) );
			return;
		}
		\WP_CLI\Utils\format_items( $format, $rows, self::COLUMNS );
	}

	/**
	 * Makes events due now, with all their tries; also those that were refused for good, once what was wrong is fixed.
	 *
	 * ## OPTIONS
	 *
	 * [--network]
	 * : On every site of the network; with --status.
	 *
	 * [<id>...]
	 * : The ids of events.
	 *
	 * [--status=<status>]
	 * : All of refused, dead, held or pending.
	 *
	 * [--format=<format>]
	 * : json, or a sentence.
	 *
	 * @param string[]              $args    Ids.
	 * @param array<string, string> $options status, format.
	 */
	public function retry( $args, $options ): void {
		$ids     = Options::ids( $args );
		$status  = $this->status( $options );
		$as_json = Options::is_json( $options );
		if ( NetworkCommand::asked( $options ) ) {
			$this->network->outbox_retry( $status, $as_json );
			return;
		}
		if ( array() === $ids && '' === $status ) {
			\WP_CLI::error( 'Name the ids of events, or a --status.' );
			return;
		}
		$retried = $this->log->retry( $ids ) + ( '' === $status ? 0 : $this->log->retry_all( $status ) );
		Breaker::reset();
		if ( $as_json ) {
			Options::print_json( array( 'retried' => $retried ) );
			\WP_CLI::halt( 0 === $retried ? 1 : 0 );
			return;
		}
		if ( 0 === $retried ) {
			\WP_CLI::error( 'None of these events can be sent again: there is none, it was sent, or it can never be taken.' );
			return;
		}
		\WP_CLI::success( sprintf( '%d event(s) are due now; `wp pressferry dispatch` sends them.', $retried ) );
	}

	/**
	 * Deletes events that are over.
	 *
	 * ## OPTIONS
	 *
	 * [--network]
	 * : On every site of the network; of its events.
	 *
	 * --status=<status>
	 * : sent, refused, dead or held.
	 *
	 * [--older-than=<days>]
	 * : Only those that are older; 0 unless given.
	 *
	 * [--yes]
	 * : Asks nothing.
	 *
	 * [--format=<format>]
	 * : json, or a sentence.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options status, older-than, yes, format.
	 */
	public function purge( $args, $options ): void {
		$status  = $this->status( $options );
		$days    = Options::number( $options, 'older-than', 0, 0 );
		$as_json = Options::is_json( $options );
		if ( ! in_array( $status, array( 'sent', 'refused', 'dead', 'held' ), true ) ) {
			\WP_CLI::error( 'Name a --status: sent, refused, dead or held. What waits to be sent is not deleted.' );
			return;
		}
		if ( 'sent' !== $status ) {
			\WP_CLI::confirm( sprintf( 'The backend has not taken these %s events. Delete them?', $status ), $options );
		}
		if ( NetworkCommand::asked( $options ) ) {
			$this->network->outbox_purge( $status, $days, $as_json );
			return;
		}
		$deleted = 0;
		do {
			$batch    = $this->log->purge( array( $status ), $days );
			$deleted += $batch;
		} while ( Log::PURGE_BATCH === $batch );
		$left = array_sum( $this->outbox->summary()['counts'] );
		if ( $as_json ) {
			Options::print_json( compact( 'deleted', 'left' ) );
			return;
		}
		\WP_CLI::success( sprintf( '%d event(s) deleted, %d left in all.', $deleted, $left ) );
	}

	/**
	 * @param array<string, string> $options
	 */
	private function status( array $options ): string {
		$status = (string) ( $options['status'] ?? '' );
		if ( '' !== $status && ! in_array( $status, Outbox::STATUSES, true ) ) {
			\WP_CLI::error( sprintf( 'There is no status %s: it is one of %s.', $status, implode( ', ', Outbox::STATUSES ) ) );
		}
		return $status;
	}
}
