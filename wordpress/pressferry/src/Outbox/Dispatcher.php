<?php
/**
 * Sends what is due, in bounded batches and bounded time; never called inside a visitor's request.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Http\Answer;
use Pressferry\Http\Sender;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Dispatcher {

	const BATCH         = 10;
	const BUDGET_MS     = 20000;
	const MAX_FAILURES  = 2;
	const AUTO_REDRIVES = 5;
	const SKEW_OPTION   = 'pressferry_clock_offset_ms';
	const PAUSE_OPTION  = 'pressferry_paused_until_ms';

	/** @var Outbox */
	private $outbox;

	/** @var Sender */
	private $sender;

	/** @var Config */
	private $config;

	/** @var Clock */
	private $clock;

	public function __construct( Outbox $outbox, Sender $sender, Config $config, Clock $clock ) {
		$this->outbox = $outbox;
		$this->sender = $sender;
		$this->config = $config;
		$this->clock  = $clock;
	}

	/**
	 * Sends due rows until none is left, 20 s are over, or the backend fails twice in a row (or asks us to wait).
	 *
	 * @return array<string, int> Counts: accepted, retrying, refused, dead, released.
	 */
	public function dispatch(): array {
		$counts = array_fill_keys( array( 'accepted', 'retrying', 'refused', 'dead', 'released' ), 0 );
		$start  = $this->clock->now_ms();
		if ( '' !== $this->sender->blocked_by() || $start < (int) get_option( self::PAUSE_OPTION, 0 ) ) {
			return $counts;
		}
		$failures = 0;
		$rows     = $this->outbox->claim( self::BATCH );
		while ( array() !== $rows ) {
			foreach ( $rows as $row ) {
				if ( $failures >= self::MAX_FAILURES || $this->clock->now_ms() - $start >= self::BUDGET_MS ) {
					$this->outbox->finish( $row, array( 'status' => 'pending' ) );
					++$counts['released'];
					continue;
				}
				$ended = $this->try_row( $row );
				if ( '' !== $ended['count'] ) {
					++$counts[ $ended['count'] ];
				}
				$failures = $ended['failed'] ? $failures + $ended['failed'] : 0;
			}
			$rows = $counts['released'] > 0 || $failures >= self::MAX_FAILURES ? array() : $this->outbox->claim( self::BATCH );
		}
		if ( $counts['accepted'] > 0 ) {
			// The backend is back: give what it failed meanwhile its tries again, at the next tick.
			$this->outbox->redrive( self::BATCH, self::AUTO_REDRIVES );
		}
		return $counts;
	}

	/**
	 * @param array<string, mixed> $row A claimed row.
	 * @return array{count: string, failed: int} What to count; how many failures this was (a request to wait is enough alone).
	 */
	private function try_row( array $row ): array {
		$tries = (int) $row['attempts'] + 1;
		if ( $tries > Backoff::MAX_TRIES ) {
			// Its last try never came back: the process died with it.
			$this->outbox->finish(
				$row,
				array(
					'status'     => 'dead',
					'last_error' => 'lease_expired',
				)
			);
			return array(
				'count'  => 'dead',
				'failed' => 0,
			);
		}
		$sent_ms = $this->clock->now_ms() + (int) get_option( self::SKEW_OPTION, 0 );
		if ( ! $this->outbox->begin_try( $row, $sent_ms ) ) {
			return array(
				'count'  => '',
				'failed' => 0,
			);
		}
		$answer = $this->sender->send( $row, $sent_ms );
		if ( $this->learn_skew( $answer ) ) {
			$answer = $this->sender->send( $row, $this->clock->now_ms() + (int) get_option( self::SKEW_OPTION, 0 ) );
		}
		return $this->settle( $row, $tries, $answer );
	}

	/**
	 * @param array<string, mixed> $row A claimed row.
	 * @return array{count: string, failed: int}
	 */
	private function settle( array $row, int $tries, Answer $answer ): array {
		$end = array(
			'status'      => 'sent',
			'request_id'  => $answer->request_id,
			'last_status' => $answer->status,
			'last_error'  => $answer->code,
		);
		if ( 'refused' === $answer->kind ) {
			$end['status'] = 'refused';
		} elseif ( 'retry' === $answer->kind ) {
			$base_ms                = (int) $this->config->get( 'RETRY_BASE_MS' );
			$wait_ms                = Backoff::wait_ms( $tries, $answer->retry_after_ms, $base_ms > 0 ? $base_ms : Backoff::BASE_MS );
			$end['status']          = $tries >= Backoff::MAX_TRIES ? 'dead' : 'pending';
			$end['next_attempt_at'] = $this->clock->now_ms() + $wait_ms;
		}
		$this->outbox->finish( $row, $end );
		$asked_to_wait = $answer->retry_after_ms > 0;
		if ( $asked_to_wait ) {
			update_option( self::PAUSE_OPTION, $this->clock->now_ms() + min( $answer->retry_after_ms, Backoff::MAX_RETRY_AFTER_MS ), false );
		}
		$names = array(
			'sent'    => 'accepted',
			'pending' => 'retrying',
		);
		return array(
			'count'  => $names[ $end['status'] ] ?? $end['status'],
			'failed' => 'retry' === $answer->kind ? ( $asked_to_wait ? self::MAX_FAILURES : 1 ) : 0,
		);
	}

	/**
	 * A refusal for drift tells us the backend's clock by its Date header: remember the offset, and try once more with it.
	 */
	private function learn_skew( Answer $answer ): bool {
		if ( 'refused' !== $answer->kind || null === $answer->server_ms || 1 !== preg_match( '/drift|skew|clock|expired|not_yet|iat/', $answer->code ) ) {
			return false;
		}
		$offset = $answer->server_ms - $this->clock->now_ms();
		$known  = (int) get_option( self::SKEW_OPTION, 0 );
		if ( abs( $offset - $known ) < 5000 ) {
			return false;
		}
		// Within Date's one-second grain there is nothing to correct.
		update_option( self::SKEW_OPTION, abs( $offset ) < 2000 ? 0 : $offset, false );
		return true;
	}
}
