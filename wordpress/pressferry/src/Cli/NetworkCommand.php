<?php
/**
 * What `--network` does: a command on every site of the network, one after the other.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Cli;

use Pressferry\Admin\Checks;
use Pressferry\Admin\ConnectWords;
use Pressferry\Backend\NetworkEnrolment;
use Pressferry\Config;
use Pressferry\NetworkSites;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Log;
use Pressferry\Outbox\Schema;
use Pressferry\State\Breaker;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class NetworkCommand {

	const ENROL_MS = 86400000;

	/** @var array{sites: NetworkSites, enrolment: NetworkEnrolment, checks: Checks, dispatcher: Dispatcher, log: Log} */
	private $parts;

	/**
	 * @param array{sites: NetworkSites, enrolment: NetworkEnrolment, checks: Checks, dispatcher: Dispatcher, log: Log} $parts
	 */
	public function __construct( array $parts ) {
		$this->parts = $parts;
	}

	/**
	 * Whether `--network` was asked for; an error if this is not one.
	 *
	 * @param array<string, mixed> $options
	 */
	public static function asked( array $options ): bool {
		if ( empty( $options['network'] ) ) {
			return false;
		}
		if ( ! is_multisite() ) {
			\WP_CLI::error( 'This WordPress is not a network: leave out --network.' );
		}
		return true;
	}

	/**
	 * @param array<string, string> $options format.
	 */
	public function status( array $options ): void {
		$rows = array();
		NetworkSites::each(
			function ( int $blog ) use ( &$rows ): void {
				$rows[] = $this->parts['sites']->look( $blog );
			}
		);
		self::show( $rows, array( 'blog', 'url', 'state', 'site_id', 'waiting', 'refused', 'oldest_waiting_at', 'last_sent_at', 'last_fault' ), $options );
	}

	/**
	 * @param array<string, mixed> $options all, format.
	 */
	public function dispatch( array $options ): void {
		$rows = array();
		$this->on_each_with_tables(
			function ( int $blog ) use ( &$rows, $options ): void {
				if ( ! empty( $options['all'] ) ) {
					$this->parts['dispatcher']->redrive();
				}
				$rows[] = self::site( $blog ) + $this->parts['dispatcher']->dispatch();
			}
		);
		self::show( $rows, array( 'blog', 'url', 'accepted', 'retrying', 'refused', 'dead', 'held', 'released', 'busy' ), $options );
	}

	/**
	 * Ends with 1 if something is broken on one of the sites.
	 *
	 * @param array<string, string> $options format.
	 */
	public function doctor( array $options ): void {
		$rows   = array();
		$broken = false;
		NetworkSites::each(
			function ( int $blog ) use ( &$rows, &$broken ): void {
				if ( 'without_plugin' === $this->parts['sites']->look( $blog, false )['state'] ) {
					return;
				}
				foreach ( $this->parts['checks']->run() as $name => $check ) {
					$broken = $broken || Checks::BAD === $check['status'];
					$rows[] = self::site( $blog ) + array( 'check' => $name ) + $check;
				}
			}
		);
		$format = (string) ( $options['format'] ?? 'table' );
		// All is well is not worth ten lines for each of five hundred sites.
		$shown = 'table' === $format ? array_values( array_filter( $rows, array( self::class, 'is_amiss' ) ) ) : $rows;
		self::show( $shown, array( 'blog', 'url', 'check', 'status', 'text' ), $options );
		if ( 'table' === $format && array() === $shown ) {
			\WP_CLI::line( 'Nothing is wrong on any site.' );
		}
		\WP_CLI::halt( $broken ? 1 : 0 );
	}

	/**
	 * @param array<string, mixed> $filter  As for the log.
	 * @param string[]             $columns
	 * @param string               $format  table, json, csv, ids or count.
	 */
	public function outbox_list( array $filter, array $columns, string $format ): void {
		$rows  = array();
		$count = 0;
		$this->on_each_with_tables(
			function ( int $blog ) use ( &$rows, &$count, $filter, $format ): void {
				if ( 'count' === $format ) {
					$count += $this->parts['log']->count( $filter );
					return;
				}
				foreach ( $this->parts['log']->find( $filter ) as $row ) {
					$rows[] = self::site( $blog ) + $row;
				}
			}
		);
		if ( 'count' === $format ) {
			\WP_CLI::line( (string) $count );
			return;
		}
		if ( 'ids' === $format ) {
			\WP_CLI::error( 'An id says nothing without its site: take --format=json.' );
			return;
		}
		self::show( $rows, array_merge( array( 'blog', 'url' ), $columns ), array( 'format' => $format ) );
	}

	/**
	 * Ends with 1 if there was nothing to send again.
	 */
	public function outbox_retry( string $status, bool $as_json = false ): void {
		if ( '' === $status ) {
			\WP_CLI::error( 'With --network name a --status: ids are those of one site.' );
			return;
		}
		$retried = 0;
		$this->on_each_with_tables(
			function () use ( &$retried, $status ): void {
				$retried += $this->parts['log']->retry_all( $status );
				Breaker::reset();
			}
		);
		if ( $as_json ) {
			Options::print_json( array( 'retried' => $retried ) );
			\WP_CLI::halt( 0 === $retried ? 1 : 0 );
			return;
		}
		if ( 0 === $retried ) {
			\WP_CLI::error( 'On no site is such an event that can be sent again.' );
			return;
		}
		\WP_CLI::success( sprintf( '%d event(s) are due now; `wp pressferry dispatch --network` sends them.', $retried ) );
	}

	public function outbox_purge( string $status, int $days, bool $as_json = false ): void {
		$deleted = 0;
		$this->on_each_with_tables(
			function () use ( &$deleted, $status, $days ): void {
				do {
					$batch    = $this->parts['log']->purge( array( $status ), $days );
					$deleted += $batch;
				} while ( Log::PURGE_BATCH === $batch );
			}
		);
		if ( $as_json ) {
			Options::print_json( compact( 'deleted' ) );
			return;
		}
		\WP_CLI::success( sprintf( '%d event(s) deleted on all sites.', $deleted ) );
	}

	/**
	 * Ends with 1 unless every site is connected in the end.
	 *
	 * @param string[]              $tokens  Each `token` or `token@url`.
	 * @param array<string, string> $options format.
	 */
	public function enroll( array $tokens, string $url, array $options ): void {
		$until_ms = (int) ( microtime( true ) * 1000 ) + self::ENROL_MS;
		$done     = $this->parts['enrolment']->run( $this->parts['sites']->unconnected(), $tokens, $url, $until_ms );
		$rows     = array();
		foreach ( $done['sites'] as $blog => $outcome ) {
			$rows[] = array_intersect_key( $this->parts['sites']->look( $blog, false ), array_flip( array( 'blog', 'url', 'site_id' ) ) ) + $outcome;
		}
		self::show( $rows, array( 'blog', 'url', 'site_id', 'ok', 'code', 'detail' ), $options );
		$connected = count( array_filter( array_column( $rows, 'ok' ) ) );
		$failed    = count( $rows ) - $connected;
		$left      = count( $done['blogs'] );
		$said      = sprintf( '%d site(s) connected, %d failed, %d left; %d token(s) were good for no site, %d are unused.', $connected, $failed, $left, $done['unusable'], count( $done['tokens'] ) );
		if ( null !== $done['stopped'] ) {
			\WP_CLI::warning( $said );
			\WP_CLI::error( ConnectWords::failure( $done['stopped']['code'], $done['stopped']['detail'] ) );
			return;
		}
		// With JSON nothing but JSON goes to standard output.
		if ( 0 < $failed + $left ) {
			\WP_CLI::error( $said );
			return;
		}
		'json' === ( $options['format'] ?? '' ) || \WP_CLI::success( $said );
	}

	/**
	 * @param array{status: string} $row
	 */
	private static function is_amiss( array $row ): bool {
		return Checks::GOOD !== $row['status'];
	}

	/**
	 * @param callable(int): void $work
	 */
	private function on_each_with_tables( callable $work ): void {
		NetworkSites::each(
			static function ( int $blog ) use ( $work ): void {
				array() === Schema::missing() && $work( $blog );
			}
		);
	}

	/**
	 * @return array{blog: int, url: string}
	 */
	private static function site( int $blog ): array {
		return array(
			'blog' => $blog,
			'url'  => Config::home(),
		);
	}

	/**
	 * @param array<int, array<string, mixed>> $rows
	 * @param string[]                         $columns
	 * @param array<string, mixed>             $options format.
	 */
	private static function show( array $rows, array $columns, array $options ): void {
		$format = (string) ( $options['format'] ?? 'table' );
		if ( 'json' === $format ) {
			\WP_CLI::line( (string) wp_json_encode( $rows ) );
			return;
		}
		array() === $rows || \WP_CLI\Utils\format_items( $format, $rows, $columns );
	}
}
