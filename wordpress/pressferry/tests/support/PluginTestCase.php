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
		foreach ( array( Dispatcher::SKEW_OPTION, Dispatcher::PAUSE_OPTION, 'pressferry_hmac_secret', 'pressferry_hmac_secret_previous' ) as $option ) {
			delete_option( $option );
		}
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
		return new Dispatcher( $this->outbox, new Sender( $this->config ), $this->config, $this->clock );
	}

	/**
	 * @return string The new row's idempotency key.
	 */
	protected function add_event( string $ref = '17', array $data = array( 'title' => 'Fähre' ) ): string {
		$this->outbox->add( new Event( array( 'type' => 'post.published', 'object_ref' => $ref, 'data' => $data, 'dedupe_key' => Uuid::v4() ) ), Payload::freeze( $data ) );
		return $this->outbox->find( 'object_ref', $ref )[0]['idempotency_key'];
	}

	protected function row( string $key ): array {
		return $this->outbox->find( 'idempotency_key', $key )[0];
	}

	/**
	 * A push of the backend's, now by the real clock, as the REST server would see it.
	 */
	protected static function push( array $overrides = array(), array $options = array() ): \WP_REST_Request {
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
