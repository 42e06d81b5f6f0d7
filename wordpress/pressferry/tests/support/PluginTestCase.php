<?php
namespace Pressferry\Tests;

use PHPUnit\Framework\TestCase;
use Pressferry\Events\Event;
use Pressferry\Http\Sender;
use Pressferry\Http\Signer;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Payload;
use Pressferry\Outbox\Schema;
use Pressferry\Outbox\Spool;
use Pressferry\State\BackendClock;
use Pressferry\State\Breaker;
use Pressferry\State\State;
use Pressferry\Uuid;

abstract class PluginTestCase extends TestCase {
	const SECRET = 'correct horse battery staple – Œuvre';

	/** @var FakeClock */
	protected $clock;

	/** @var FakeConfig */
	protected $config;

	/** @var FakeIngress */
	protected $ingress;

	/** @var Outbox */
	protected $outbox;

	protected function setUp(): void {
		global $wpdb;
		Schema::ensure();
		$wpdb->query( 'DELETE FROM ' . Schema::outbox() );
		$wpdb->query( 'DELETE FROM ' . Schema::inbox() );
		foreach ( array( 'pressferry_hmac_secret', 'pressferry_hmac_secret_previous' ) as $option ) {
			delete_option( $option );
		}
		$wpdb->query( "DELETE FROM {$wpdb->options} WHERE option_name LIKE '\\_pressferry\\_%'" );
		$this->clock   = new FakeClock();
		$this->config  = new FakeConfig();
		$this->ingress = new FakeIngress();
		$this->outbox  = new Outbox( $this->clock );
		$this->ingress->install();
	}

	protected function tearDown(): void {
		$this->ingress->remove();
		foreach ( array( 'pressferry_result', 'pressferry_event_payload', 'pressferry_should_send', 'pressferry_record_failed' ) as $hook ) {
			remove_all_filters( $hook );
		}
	}

	public static function vectors( string $name ): array {
		$dir = getenv( 'PRESSFERRY_TEST_VECTORS' );
		return json_decode( file_get_contents( ( false === $dir ? '/vectors' : $dir ) . "/$name.json" ), true );
	}

	protected function dispatcher(): Dispatcher {
		return new Dispatcher(
			array(
				'outbox'        => $this->outbox,
				'sender'        => new Sender( $this->config ),
				'config'        => $this->config,
				'clock'         => $this->clock,
				'backend_clock' => new BackendClock( $this->clock ),
				'spool'         => $this->spool(),
			)
		);
	}

	protected function spool(): Spool {
		return new Spool( $this->outbox, $this->clock );
	}

	/**
	 * An answer that refuses, as the backend writes it.
	 */
	protected static function problem( string $code, int $status, array $headers = array(), array $pointers = array() ): array {
		$errors = array_map( static function ( $pointer ) {
			return array( 'pointer' => $pointer, 'rule' => 'drift' );
		}, $pointers );
		$body   = array( 'type' => "https://pressferry.dev/problems#$code", 'title' => $code, 'status' => $status, 'code' => $code, 'errors' => $errors );
		return FakeIngress::response( $status, $body, $headers + array( 'content-type' => 'application/problem+json; charset=utf-8' ) );
	}

	public static function refusal_of( string $code ): array {
		return self::problem( $code, 422 );
	}

	/**
	 * @return string The new row's idempotency key.
	 */
	protected function add_event( string $ref = '17', array $data = array( 'title' => 'Fähre' ) ): string {
		$event = new Event( array( 'type' => 'post.published', 'object_ref' => $ref, 'data' => $data, 'dedupe_key' => Uuid::v4() ) );
		$this->outbox->insert( $this->outbox->entry( $event, Payload::freeze( $data, 'post.published' ) ) );
		return $this->outbox->find( 'object_ref', $ref )[0]['idempotency_key'];
	}

	protected function row( string $key ): array {
		return $this->outbox->find( 'idempotency_key', $key )[0];
	}

	/**
	 * A push of the backend's, now by the real clock, as the REST server would see it.
	 */
	public static function push( array $overrides = array(), array $options = array() ): \WP_REST_Request {
		$body      = (string) wp_json_encode( $overrides + self::result_body(), JSON_UNESCAPED_SLASHES );
		$secret    = $options['secret'] ?? self::SECRET;
		$timestamp = (string) ( $options['timestamp'] ?? time() );
		$id        = json_decode( $body, true )['result_id'];
		$request   = new \WP_REST_Request( 'POST', '/pressferry/v1/results' );
		$request->set_header( 'content-type', 'application/json' );
		$request->set_header( 'x-signature', Signer::sign( $body, $secret ) );
		if ( empty( $options['without_webhook'] ) ) {
			$request->set_header( 'webhook-id', $id );
			$request->set_header( 'webhook-timestamp', $timestamp );
			$request->set_header( 'webhook-signature', Signer::webhook( $id, $timestamp, $body, $secret ) );
		}
		$request->set_body( $options['body'] ?? $body );
		return $request;
	}

	private static function result_body(): array {
		return array(
			'result_id'       => Uuid::v4(),
			'request_id'      => '6978440a-03a1-535b-93bf-4c3d1468f01b',
			'idempotency_key' => Uuid::v4(),
			'event_type'      => 'post.published',
			'object_ref'      => '17',
			'automation'      => 'summarize-post',
			'status'          => 'succeeded',
			'output'          => array( 'summary' => 'The ferry sails – jede Stunde 🚢.' ),
			'completed_at'    => gmdate( 'Y-m-d\TH:i:s.000\Z' ),
			'sent_at'         => gmdate( 'Y-m-d\TH:i:s.000\Z' ),
		);
	}
}
