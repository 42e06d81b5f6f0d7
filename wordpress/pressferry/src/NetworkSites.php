<?php
/**
 * The sites of a network as its administrator looks at them; looking makes no tables.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Log;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Schema;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class NetworkSites {

	const BATCH = 100;

	/** @var Config */
	private $config;

	/** @var Outbox */
	private $outbox;

	/** @var Dispatcher */
	private $dispatcher;

	/** @var Log */
	private $log;

	public function __construct( Config $config, Outbox $outbox, Dispatcher $dispatcher, Log $log ) {
		$this->log        = $log;
		$this->config     = $config;
		$this->outbox     = $outbox;
		$this->dispatcher = $dispatcher;
	}

	/**
	 * @return int[] Numbers of sites that are neither archived nor deleted, ascending.
	 */
	public static function ids( int $limit = 0, int $offset = 0 ): array {
		$query = array(
			'number'  => $limit,
			'offset'  => $offset,
			'fields'  => 'ids',
			'orderby' => 'id',
		);
		return array_map( 'intval', get_sites( self::all() + $query ) );
	}

	public static function count(): int {
		return (int) get_sites( self::all() + array( 'count' => true ) );
	}

	/**
	 * Works on each site in turn, in batches, so the memory of a large network's caches is given back.
	 *
	 * @param callable(int): void $work
	 */
	public static function each( callable $work ): void {
		$offset = 0;
		do {
			$ids     = self::ids( self::BATCH, $offset );
			$offset += self::BATCH;
			foreach ( $ids as $id ) {
				Network::on(
					$id,
					static function () use ( $work, $id ): void {
						$work( $id );
					}
				);
			}
			if ( function_exists( 'wp_cache_flush_runtime' ) && count( $ids ) === self::BATCH ) {
				wp_cache_flush_runtime();
			}
		} while ( array() !== $ids );
	}

	/**
	 * @return int[] Sites after one that could be connected and are not.
	 */
	public function unconnected( int $after = 0 ): array {
		$found = array();
		foreach ( self::ids() as $id ) {
			if ( $id > $after && 'not_connected' === $this->look( $id, false )['state'] ) {
				$found[] = $id;
			}
		}
		return $found;
	}

	/**
	 * How a site is. Times in milliseconds since 1970, 0 if there is none.
	 *
	 * @return array{blog: int, url: string, state: string, site_id: string, waiting: int, refused: int, oldest_waiting_at: int, last_sent_at: int, last_fault: string} state: connected, not_connected, copy or without_plugin.
	 */
	public function look( int $blog, bool $with_events = true ): array {
		$found = array(
			'blog'              => $blog,
			'url'               => '',
			'state'             => 'without_plugin',
			'site_id'           => '',
			'waiting'           => 0,
			'refused'           => 0,
			'oldest_waiting_at' => 0,
			'last_sent_at'      => 0,
			'last_fault'        => '',
		);
		Network::on(
			$blog,
			function () use ( &$found, $with_events ): void {
				$found['url'] = Config::home();
				if ( Network::has_plugin() ) {
					$found['state']   = '' !== $this->config->copy_of() ? 'copy' : ( array() === $this->config->missing() ? 'connected' : 'not_connected' );
					$found['site_id'] = $this->config->get( 'SITE_ID' );
				}
				if ( $with_events && array() === Schema::missing() ) {
					$found = $this->events() + $found;
				}
			}
		);
		return $found;
	}

	/**
	 * @return array<string, int|string>
	 */
	private function events(): array {
		$summary = $this->outbox->summary();
		$counts  = $summary['counts'];
		return array(
			'waiting'           => $counts['pending'] + $counts['sending'] + $counts['dead'] + $counts['held'],
			'refused'           => $counts['refused'],
			'oldest_waiting_at' => $summary['oldest_pending_at'],
			'last_sent_at'      => $this->log->last_sent_at(),
			'last_fault'        => (string) ( $this->dispatcher->breaker()->trouble()['code'] ?? '' ),
		);
	}

	/**
	 * @return array<string, int>
	 */
	private static function all(): array {
		return array(
			'network_id' => get_current_network_id(),
			'archived'   => 0,
			'deleted'    => 0,
		);
	}
}
