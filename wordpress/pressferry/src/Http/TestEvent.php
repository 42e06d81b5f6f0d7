<?php
/**
 * A signed event that the backend answers itself, so nothing is set going: it tries the whole way. A backend that does not know
 * the type refuses it after signature, token, site and clock, and so says that all of them are right.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

use Pressferry\Clock;
use Pressferry\Events\Event;
use Pressferry\Outbox\Outbox;
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

	/** @var Outbox */
	private $outbox;

	public function __construct( Sender $sender, BackendClock $backend_clock, Clock $clock, Outbox $outbox ) {
		$this->sender        = $sender;
		$this->backend_clock = $backend_clock;
		$this->clock         = $clock;
		$this->outbox        = $outbox;
	}

	/**
	 * Sends it now, past the breaker. It stays in the outbox if the backend took it, so its result finds its event.
	 *
	 * @return array{ok: bool, code: string, status: int, request_id: string, took_ms: int, key: string} ok: the backend knows this site and verified it.
	 */
	public function send(): array {
		$blocked = $this->sender->blocked_by();
		if ( '' !== $blocked ) {
			return self::verdict( false, $blocked );
		}
		$start  = $this->clock->now_ms();
		$entry  = $this->outbox->entry( self::event(), Payload::freeze( self::event()->data, self::TYPE ) );
		$answer = $this->attempt( $entry->to_array() );
		if ( 'accepted' === $answer->kind ) {
			$this->outbox->insert( $entry );
			$this->outbox->confirm( $entry->idempotency_key, $answer->request_id );
		}
		$ok = 'accepted' === $answer->kind || 'event_type_unknown' === $answer->code;
		return array(
			'status'     => $answer->status,
			'request_id' => $answer->request_id,
			'took_ms'    => max( 0, $this->clock->now_ms() - $start ),
			'key'        => $entry->idempotency_key,
		) + self::verdict( $ok, 'accepted' === $answer->kind ? 'accepted' : $answer->code );
	}

	private static function event(): Event {
		return new Event(
			array(
				'type'       => self::TYPE,
				'object_ref' => 'test',
				'data'       => array(
					'plugin_version'    => PRESSFERRY_VERSION,
					'wordpress_version' => substr( (string) get_bloginfo( 'version' ), 0, 40 ),
				),
				'dedupe_key' => 'test:' . Uuid::v4(),
			)
		);
	}

	/**
	 * @param array<string, mixed> $row As an outbox row.
	 */
	private function attempt( array $row ): Answer {
		$this->backend_clock->refresh();
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
	 * @return array{ok: bool, code: string, status: int, request_id: string, took_ms: int, key: string}
	 */
	private static function verdict( bool $ok, string $code ): array {
		return array(
			'ok'         => $ok,
			'code'       => $code,
			'status'     => 0,
			'request_id' => '',
			'took_ms'    => 0,
			'key'        => '',
		);
	}
}
