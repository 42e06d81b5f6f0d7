<?php
/**
 * Fetches results that were not pushed: this site may not be reachable from outside.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Callback\Results;
use Pressferry\Clock;
use Pressferry\Http\Sender;
use Pressferry\Outbox\Schema;
use Pressferry\State\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.DB -- our tables, never cached; their names cannot be prepared before 6.2, all values are.

class Poll {

	const STATE = 'poll';

	// A result may have 256 KiB.
	const PAGE      = 20;
	const MAX_BYTES = 8388608;
	const MAX_PAGES = 10;

	// A push has so long to arrive; after that, soon at first and then hourly, for three days.
	const PUSH_MS = 120000;
	const SOON_MS = 300000;
	const SEVERAL = 3600000;
	const GIVE_UP = 259200000;

	/** @var Api */
	private $api;

	/** @var Sender */
	private $sender;

	/** @var Results */
	private $results;

	/** @var Clock */
	private $clock;

	public function __construct( Api $api, Sender $sender, Results $results, Clock $clock ) {
		$this->api     = $api;
		$this->sender  = $sender;
		$this->results = $results;
		$this->clock   = $clock;
	}

	/**
	 * Polls if an event was sent whose result has not come, at growing distances.
	 */
	public function poll_if_due(): void {
		if ( ! $this->api->is_known() ) {
			return;
		}
		$waits = $this->waiting();
		if ( 0 === $waits ) {
			return;
		}
		$now   = $this->clock->now_ms();
		$last  = (int) ( State::map( self::STATE )['at'] ?? 0 );
		$every = $waits > $now - self::SEVERAL ? self::SOON_MS : self::SEVERAL;
		if ( $now >= $last && $now - $last < $every ) {
			return;
		}
		$this->poll();
	}

	/**
	 * Fetches what is there, page by page, from the last place on.
	 *
	 * @return array{ok: bool, code: string, detail: string, stored: int, known: int, others: int} others: of no event of this site.
	 */
	public function poll(): array {
		$outcome = array(
			'ok'     => false,
			'code'   => '',
			'detail' => '',
			'stored' => 0,
			'known'  => 0,
			'others' => 0,
		);
		$blocked = $this->sender->blocked_by();
		if ( '' !== $blocked || ! $this->api->is_known() ) {
			$outcome['code']   = '' === $blocked ? 'results_url_missing' : 'blocked';
			$outcome['detail'] = $blocked;
			return $outcome;
		}
		$state       = State::map( self::STATE );
		$state['at'] = $this->clock->now_ms();
		for ( $page = 0; $page < self::MAX_PAGES; $page++ ) {
			$since = (string) ( $state['cursor'] ?? '' );
			$reply = $this->api->get( '/results?limit=' . self::PAGE . ( '' === $since ? '' : '&since=' . rawurlencode( $since ) ), self::MAX_BYTES );
			if ( 'parameter_invalid' === $reply->code && '' !== $since ) {
				// The backend does not know the place any more: from the beginning; a result is stored once.
				unset( $state['cursor'] );
				continue;
			}
			if ( ! $reply->ok() || ! isset( $reply->data['results'] ) || ! is_array( $reply->data['results'] ) ) {
				$outcome['code']   = $reply->ok() ? 'not_the_backend' : $reply->code;
				$outcome['detail'] = $reply->detail;
				break;
			}
			// The place moves on only once everything before it is stored.
			if ( ! $this->store_all( $reply->data['results'], $outcome ) ) {
				$outcome['code'] = 'not_stored';
				break;
			}
			$state['cursor'] = $reply->text( 'cursor' );
			State::put( self::STATE, $state );
			if ( true !== ( $reply->data['has_more'] ?? false ) ) {
				$outcome['ok'] = true;
				break;
			}
		}
		State::put( self::STATE, $state );
		return $outcome;
	}

	/**
	 * Fetches the results of one event.
	 *
	 * @return string An empty string once they are stored; result_unknown while there are none; or what went wrong.
	 */
	public function fetch( string $request_id ): string {
		$reply = $this->api->get( '/results/' . $request_id, self::MAX_BYTES );
		if ( ! $reply->ok() ) {
			return $reply->code;
		}
		$outcome = array(
			'stored' => 0,
			'known'  => 0,
			'others' => 0,
		);
		$results = isset( $reply->data['results'] ) && is_array( $reply->data['results'] ) ? $reply->data['results'] : array();
		return $this->store_all( $results, $outcome ) && $outcome['stored'] + $outcome['known'] > 0 ? '' : 'not_stored';
	}

	/**
	 * @param array<int, mixed>    $results
	 * @param array<string, mixed> $outcome Counts.
	 */
	private function store_all( array $results, array &$outcome ): bool {
		foreach ( $results as $result ) {
			$stored = $this->results->receive( is_array( $result ) ? $result : array() );
			if ( is_wp_error( $stored ) && 'pressferry_not_stored' === $stored->get_error_code() ) {
				return false;
			}
			$count             = is_wp_error( $stored ) ? 'others' : ( 'stored' === $stored['status'] ? 'stored' : 'known' );
			$outcome[ $count ] = $outcome[ $count ] + 1;
		}
		return true;
	}

	/**
	 * When the newest event was sent whose result has not come though a push had its time; 0 for none.
	 */
	private function waiting(): int {
		global $wpdb;
		Schema::ensure();
		$now = $this->clock->now_ms();
		return (int) $wpdb->get_var( $wpdb->prepare( 'SELECT MAX(o.finished_at) FROM ' . Schema::outbox() . ' o LEFT JOIN ' . Schema::inbox() . " i ON i.idempotency_key = o.idempotency_key WHERE o.status = 'sent' AND o.finished_at BETWEEN %d AND %d AND i.id IS NULL", $now - self::GIVE_UP, $now - self::PUSH_MS ) );
	}
}
