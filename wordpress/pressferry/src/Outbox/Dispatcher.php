<?php
/**
 * Sends due events: one process at a time, in bounded time, and only if the breaker lets it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Http\Answer;
use Pressferry\Http\Sender;
use Pressferry\State\BackendClock;
use Pressferry\State\Breaker;
use Pressferry\State\DispatchLock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Dispatcher {

	const BATCH     = 10;
	const BUDGET_MS = 20000;

	/** @var Outbox */
	private $outbox;

	/** @var Sender */
	private $sender;

	/** @var Config */
	private $config;

	/** @var Clock */
	private $clock;

	/** @var BackendClock */
	private $backend_clock;

	/** @var Spool */
	private $spool;

	/** @var Accepted */
	private $accepted;

	/** @var string */
	private $mode = Breaker::CLOSED;

	/**
	 * @param array{outbox: Outbox, sender: Sender, config: Config, clock: Clock, backend_clock: BackendClock, spool: Spool} $parts
	 */
	public function __construct( array $parts ) {
		$this->outbox        = $parts['outbox'];
		$this->sender        = $parts['sender'];
		$this->config        = $parts['config'];
		$this->clock         = $parts['clock'];
		$this->backend_clock = $parts['backend_clock'];
		$this->spool         = $parts['spool'];
		$this->accepted      = new Accepted( $this->clock );
	}

	/**
	 * How the last dispatch found the breaker; closed if it did not look.
	 */
	public function mode(): string {
		return $this->mode;
	}

	/**
	 * Sends due rows until none is left, the time is over, or the breaker opens. Does nothing while another process does it.
	 *
	 * @param bool $may_probe Whether an open breaker whose time has come is tried: not in a visitor's process.
	 * @return array<string, int> Counts: accepted, retrying, refused, dead, held, released; busy if another process dispatches.
	 */
	public function dispatch( bool $may_probe = true ): array {
		$counts = array_fill_keys( array( 'accepted', 'retrying', 'refused', 'dead', 'held', 'released', 'busy' ), 0 );
		$lock   = new DispatchLock( $this->clock );
		$start  = $this->clock->now_ms();
		$idle   = 0;
		do {
			$before = array_sum( $counts );
			// First of all: of twelve processes that have just answered a visitor, eleven end here, before they load what sends.
			if ( ! $lock->acquire() ) {
				++$counts['busy'];
				return $counts;
			}
			try {
				$drained = '' === $this->sender->blocked_by() && $this->run( $lock, $may_probe, $start, $counts );
			} finally {
				$this->accepted->mark();
				$lock->release();
			}
			// A process that recorded a row after the last claim, and found the lock still taken, relies on this one. A round that could
			// claim nothing of what is due ends it: the database takes no writes.
			$idle = array_sum( $counts ) === $before ? $idle + 1 : 0;
		} while ( $drained && $idle < 2 && $this->outbox->has_due() );
		return $counts;
	}

	/**
	 * Makes everything that waits due now, whatever the breaker says; for someone who knows that the backend takes events.
	 *
	 * @return int How many rows waited.
	 */
	public function redrive(): int {
		Breaker::reset();
		return $this->outbox->redrive( 1000 ) + $this->outbox->hasten();
	}

	/**
	 * Whether a process is sending, or died while it did: its rows are taken up when their leases have run out.
	 */
	public function is_sending(): bool {
		return $this->outbox->is_sending();
	}

	public function breaker(): Breaker {
		return new Breaker( $this->config->fingerprint(), $this->base_ms() );
	}

	/**
	 * @param array<string, int> $counts
	 * @return bool Whether nothing was left to send.
	 */
	private function run( DispatchLock $lock, bool $may_probe, int $start, array &$counts ): bool {
		$breaker = $this->breaker();
		$mode    = $breaker->mode( $start );

		$this->mode = $mode;
		if ( Breaker::OPEN === $mode || ( Breaker::PROBE === $mode && ! $may_probe ) ) {
			return false;
		}
		$this->backend_clock->refresh();
		$this->spool->drain();
		if ( $may_probe ) {
			$this->outbox->repair_times( $this->base_ms() );
		}
		$limit = Breaker::PROBE === $mode ? 1 : self::BATCH;
		$rows  = $this->outbox->claim( $limit );
		// After trouble the first event that is taken makes due what waited.
		$had_trouble = $breaker->had_trouble();
		while ( array() !== $rows ) {
			foreach ( $rows as $row ) {
				$count            = $this->may_go_on( $breaker, $start ) && $lock->renew() ? $this->try_row( $row, $breaker ) : $this->release( $row );
				$counts[ $count ] = ( $counts[ $count ] ?? 0 ) + 1;
				$this->accepted->mark_if_late();
			}
			$this->accepted->mark();
			if ( ! $this->may_go_on( $breaker, $start ) || ! $lock->renew() ) {
				return false;
			}
			if ( ! $had_trouble && count( $rows ) < $limit ) {
				break;
			}
			$limit = self::BATCH;
			$rows  = $this->outbox->claim( $limit );
		}
		return true;
	}

	private function may_go_on( Breaker $breaker, int $start ): bool {
		$now = $this->clock->now_ms();
		// A clock that was set back meanwhile does not make the time endless.
		return $now >= $start && $now - $start < self::BUDGET_MS && Breaker::OPEN !== $breaker->mode( $now );
	}

	/**
	 * @param array<string, mixed> $row A claimed row.
	 * @return string What to count.
	 */
	private function try_row( array $row, Breaker $breaker ): string {
		$tries = (int) $row['attempts'] + 1;
		if ( $tries > Backoff::MAX_TRIES + (int) $row['redrives'] ) {
			// Its last try never came back: the process died with it.
			$this->end( $row, 'dead', array( 'last_error' => 'lease_expired' ) );
			return 'dead';
		}
		$answer = $this->send( $row );
		if ( null === $answer ) {
			return 'released';
		}
		$this->judge( $answer, $breaker );
		return $this->settle( $row, $tries, $answer );
	}

	/**
	 * One try, and a second one at once if the answer taught what was wrong with its times. Null when the claim was lost.
	 *
	 * @param array<string, mixed> $row
	 */
	private function send( array $row ): ?Answer {
		for ( $round = 0; $round < 2; $round++ ) {
			$sent_ms = $this->backend_clock->now_ms();
			$wire_ms = WireTime::of( $row, $this->backend_clock->offset_ms(), $sent_ms );
			if ( ! $this->outbox->begin_try( $row, $sent_ms, $wire_ms, 0 === $round ) ) {
				return null;
			}
			$body    = Payload::body( $row, $sent_ms, $wire_ms, WireTime::true_ms( $row, $this->backend_clock->offset_ms() ) );
			$before  = $this->clock->now_ms();
			$answer  = $this->sender->send( $row, $body, intdiv( $sent_ms, 1000 ) );
			$learned = null !== $answer->server_ms && $this->backend_clock->learn( $answer->server_ms, $before, $this->clock->now_ms() );
			if ( 'hold' !== $answer->kind || ! in_array( $answer->code, Answer::OF_THE_CLOCK, true ) || ! $learned ) {
				break;
			}
		}
		return $answer;
	}

	private function judge( Answer $answer, Breaker $breaker ): void {
		if ( in_array( $answer->kind, array( 'accepted', 'refused' ), true ) || in_array( $answer->code, Answer::OF_ONE_EVENT, true ) ) {
			$recovered = $breaker->had_trouble();
			$breaker->succeeded();
			if ( $recovered ) {
				$this->outbox->hasten();
			}
			return;
		}
		$breaker->failed( $answer, $this->clock->now_ms() );
	}

	/**
	 * @param array<string, mixed> $row A claimed row.
	 * @return string What to count.
	 */
	private function settle( array $row, int $tries, Answer $answer ): string {
		if ( 'accepted' === $answer->kind ) {
			$this->accepted->add( $row, $answer->request_id );
			return 'accepted';
		}
		$end = array(
			'request_id'  => $answer->request_id,
			'last_status' => $answer->status,
			'last_error'  => $answer->code,
		);
		if ( 'retry' === $answer->kind && $tries < Backoff::MAX_TRIES ) {
			$end['next_attempt_at'] = $this->clock->now_ms() + Backoff::wait_ms( $tries, $answer->retry_after_ms, $this->base_ms() );
		}
		$statuses = array(
			'refused' => 'refused',
			'hold'    => 'held',
			'retry'   => $tries < Backoff::MAX_TRIES ? 'pending' : 'dead',
		);
		$status   = $statuses[ $answer->kind ];
		if ( 'idempotency_key_reused' === $answer->code && (int) ( $row['wire_occurred_at'] ?? 0 ) > 0 ) {
			// The backend holds an event under this key, which is random and ours: an earlier try arrived, its answer did not.
			$status = 'sent';
		}
		$this->end( $row, $status, $end );
		$names = array(
			'sent'    => 'accepted',
			'pending' => 'retrying',
		);
		return $names[ $status ] ?? $status;
	}

	/**
	 * @param array<string, mixed> $row A claimed row.
	 * @param array<string, mixed> $end
	 */
	private function end( array $row, string $status, array $end ): void {
		if ( 'dead' === $status || 'held' === $status ) {
			$end['next_attempt_at'] = $this->clock->now_ms() + Backoff::spread( Backoff::probe_window_ms( (int) $row['redrives'] + 1, $this->base_ms() ) );
		}
		$this->outbox->finish( $row, array( 'status' => $status ) + $end );
	}

	/**
	 * Gives back a row that was not tried.
	 *
	 * @param array<string, mixed> $row A claimed row.
	 * @return string What to count.
	 */
	private function release( array $row ): string {
		$this->outbox->finish( $row, array( 'status' => 'pending' ) );
		return 'released';
	}

	private function base_ms(): int {
		$base_ms = (int) $this->config->get( 'RETRY_BASE_MS' );
		return $base_ms > 0 ? $base_ms : Backoff::BASE_MS;
	}
}
