<?php
/**
 * POST pressferry/v1/results: takes one result and acknowledges it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

use Pressferry\Clock;
use Pressferry\Outbox\Outbox;
use WP_Error;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Results {

	/** @var bool */
	private static $is_handling = false;

	/** @var Inbox */
	private $inbox;

	/** @var Outbox */
	private $outbox;

	public function __construct( Inbox $inbox, Outbox $outbox ) {
		$this->inbox  = $inbox;
		$this->outbox = $outbox;
	}

	/**
	 * Stores a verified result once, fires `pressferry_result` once, and says which of the two it was.
	 *
	 * @param array<string, mixed> $body        The push's body.
	 * @param string               $traceparent The push's trace context; empty if the result was fetched.
	 * @return array<string, string>|WP_Error
	 */
	public function receive( array $body, string $traceparent = '' ) {
		$result = Result::parse( $body );
		if ( is_string( $result ) ) {
			/* translators: %s: the name of a member of a JSON object. */
			return self::refuse( 'result_invalid', sprintf( __( 'The result lacks a member or has a wrong one: %s.', 'pressferry' ), $result ), 400 );
		}
		$event = $this->outbox->find( 'idempotency_key', $result['idempotency_key'] )[0] ?? null;
		if ( null !== $event && 'erased' === $event['last_error'] ) {
			return $this->discard( $result );
		}
		if ( null === $event || $event['event_type'] !== $result['event_type'] || $event['object_ref'] !== $result['object_ref'] ) {
			// Another site of the network has the same numbers for other posts, and perhaps the same secret.
			return self::refuse( 'event_unknown', __( 'This site has sent no such event.', 'pressferry' ), 404 );
		}
		$stored = $this->inbox->store( $result, (int) $event['post_id'] );
		$answer = $this->acknowledge( $stored, $result['result_id'], $this->inbox->stored_at( $result['result_id'] ) );
		if ( $answer instanceof WP_Error ) {
			return $answer;
		}
		if ( 'sent' !== $event['status'] ) {
			// The backend has the event, whatever became of the answer to its last try.
			$this->outbox->confirm( $result['idempotency_key'], $result['request_id'] );
		}
		$this->fire( $result + array( 'traceparent' => $traceparent ) );
		return $answer;
	}

	/**
	 * Acknowledges a result whose event was erased at a person's request, so the backend keeps it no longer either: nothing of it is stored.
	 *
	 * @param array<string, mixed> $result As Result::parse returned it.
	 * @return array<string, string>|WP_Error
	 */
	private function discard( array $result ) {
		$empty = array(
			'output'     => array(),
			'error'      => null,
			'object_ref' => '',
		);
		$added = $this->inbox->store( $empty + $result, 0 );
		$this->inbox->take_handling( $result['result_id'] );
		return $this->acknowledge( $added, $result['result_id'], $this->inbox->stored_at( $result['result_id'] ) );
	}

	/**
	 * @return array<string, string>|WP_Error
	 */
	private function acknowledge( bool $is_new, string $result_id, int $stored_at ) {
		if ( 0 === $stored_at ) {
			// Not acknowledged, so the backend tries again.
			return self::refuse( 'not_stored', __( 'The result could not be stored.', 'pressferry' ), 503 );
		}
		return array(
			'status'    => $is_new ? 'stored' : 'duplicate',
			'result_id' => $result_id,
			'stored_at' => Clock::rfc3339( $stored_at ),
		);
	}

	/**
	 * Whether this process is handing a result to those who listen: what they change now is the backend's own work.
	 */
	public static function is_handling(): bool {
		return self::$is_handling;
	}

	/**
	 * @param array<string, mixed> $result
	 */
	private function fire( array $result ): void {
		// Taken apart from storing, so a process that died between the two leaves it to the next delivery.
		if ( ! $this->inbox->take_handling( $result['result_id'] ) ) {
			return;
		}
		self::tell(
			static function () use ( $result ): void {
				/**
				 * A result has arrived; fires once per result.
				 *
				 * @since 0.1.0
				 *
				 * @param array $result result_id, request_id, idempotency_key, event_type, object_ref, automation, status (succeeded or
				 *                      failed), output (array), error (array or null), completed_at (RFC 3339), traceparent (W3C Trace
				 *                      Context of the push, not signed; empty if the result was fetched).
				 */
				do_action( 'pressferry_result', $result );
			}
		);
		self::tell(
			static function () use ( $result ): void {
				/**
				 * The same for one event type, e.g. `pressferry_result_post.published`; also if a listener of the other action failed.
				 *
				 * @since 0.2.0
				 *
				 * @param array $result As above.
				 */
				do_action( 'pressferry_result_' . $result['event_type'], $result );
			}
		);
	}

	private static function tell( callable $listeners ): void {
		self::$is_handling = true;
		try {
			$listeners();
		} catch ( \Throwable $error ) {
			/**
			 * A listener failed. The result is stored, so this is no reason to be sent it again.
			 *
			 * @since 0.1.0
			 *
			 * @param string $class The error's class; its message may quote the result.
			 */
			do_action( 'pressferry_result_listener_failed', get_class( $error ) );
		} finally {
			self::$is_handling = false;
		}
	}

	private static function refuse( string $code, string $text, int $status ): WP_Error {
		return new WP_Error( 'pressferry_' . $code, $text, array( 'status' => $status ) );
	}
}
