<?php
/**
 * A signed event of a type that no backend has, unless its operator added it: the backend checks the signature, the token, the site and
 * the clock before it looks for the type, so that its refusal of the type says that all of them are right, and nothing is set going.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

use Pressferry\Clock;
use Pressferry\Outbox\Payload;
use Pressferry\State\BackendClock;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class TestEvent {

	const TYPE = 'pressferry.test';

	/** @var Sender */
	private $sender;

	/** @var BackendClock */
	private $backend_clock;

	/** @var Clock */
	private $clock;

	public function __construct( Sender $sender, BackendClock $backend_clock, Clock $clock ) {
		$this->sender        = $sender;
		$this->backend_clock = $backend_clock;
		$this->clock         = $clock;
	}

	/**
	 * Sends it now, past the outbox and the breaker.
	 *
	 * @return array{ok: bool, code: string, status: int, request_id: string, took_ms: int} ok: the backend knows this site and verified it.
	 */
	public function send(): array {
		$blocked = $this->sender->blocked_by();
		if ( '' !== $blocked ) {
			return self::verdict( false, $blocked );
		}
		$start  = $this->clock->now_ms();
		$answer = $this->attempt();
		$ok     = 'accepted' === $answer->kind || 'event_type_unknown' === $answer->code;
		return array(
			'status'     => $answer->status,
			'request_id' => $answer->request_id,
			'took_ms'    => max( 0, $this->clock->now_ms() - $start ),
		) + self::verdict( $ok, 'accepted' === $answer->kind ? 'accepted' : $answer->code );
	}

	private function attempt(): Answer {
		$this->backend_clock->refresh();
		$row = array(
			'event_type'      => self::TYPE,
			'object_ref'      => 'test',
			'idempotency_key' => Uuid::v4(),
			'payload'         => '{}',
		);
		do {
			$sent_ms = $this->backend_clock->now_ms();
			$before  = $this->clock->now_ms();
			$answer  = $this->sender->send( $row, Payload::body( $row, $sent_ms, $sent_ms, $sent_ms ), intdiv( $sent_ms, 1000 ) );
			$learned = ! isset( $again ) && null !== $answer->server_ms && $this->backend_clock->learn( $answer->server_ms, $before, $this->clock->now_ms() );
			$again   = $learned && in_array( $answer->code, Answer::OF_THE_CLOCK, true );
		} while ( $again );
		return $answer;
	}

	/**
	 * @return array{ok: bool, code: string, status: int, request_id: string, took_ms: int}
	 */
	private static function verdict( bool $ok, string $code ): array {
		return array(
			'ok'         => $ok,
			'code'       => $code,
			'status'     => 0,
			'request_id' => '',
			'took_ms'    => 0,
		);
	}
}
