<?php
namespace Pressferry\Tests;

use Pressferry\Callback\Inbox;
use Pressferry\Clock;
use Pressferry\Http\Signer;
use Pressferry\Outbox\Schema;

final class CallbackTest extends PluginTestCase {
	/** @var array<int, array<string, mixed>> */
	private $fired = array();

	protected function setUp(): void {
		parent::setUp();
		update_option( 'pressferry_hmac_secret', self::SECRET );
		$this->fired = array();
		add_action( 'pressferry_result', function ( $result ) {
			$this->fired[] = $result;
		} );
	}

	private static function stored(): int {
		global $wpdb;
		return (int) $wpdb->get_var( 'SELECT COUNT(*) FROM ' . Schema::inbox() );
	}

	/**
	 * What the REST server would write to the client.
	 */
	private static function served( \WP_REST_Request $request, \WP_REST_Response $response ): string {
		ob_start();
		apply_filters( 'rest_pre_serve_request', false, $response, $request, rest_get_server() );
		return (string) ob_get_clean();
	}

	public function test_a_result_is_stored_once_the_action_fires_once_and_both_are_acknowledged(): void {
		$push  = self::push();
		$first = rest_do_request( $push );
		$again = rest_do_request( self::push( json_decode( $push->get_body(), true ) ) );
		$this->assertSame( array( 200, 'stored' ), array( $first->get_status(), $first->get_data()['status'] ) );
		$this->assertSame( array( 200, 'duplicate' ), array( $again->get_status(), $again->get_data()['status'] ) );
		$this->assertSame( $first->get_data()['stored_at'], $again->get_data()['stored_at'] );
		$this->assertSame( 1, self::stored() );
		$this->assertCount( 1, $this->fired );
		$this->assertSame( 'The ferry sails – jede Stunde 🚢.', $this->fired[0]['output']['summary'] );
	}

	public function test_the_acknowledgement_is_signed_over_the_very_bytes_that_are_sent(): void {
		$push     = self::push();
		$response = rest_do_request( $push );
		$bytes    = self::served( $push, $response );
		$this->assertSame( Signer::sign( $bytes, self::SECRET ), $response->get_headers()['X-Signature'] );
		$this->assertSame( json_decode( $push->get_body(), true )['result_id'], json_decode( $bytes, true )['result_id'] );
	}

	public function test_no_filter_can_come_between_the_signature_and_the_bytes(): void {
		$push     = self::push();
		$response = rest_do_request( $push );
		$response->set_data( array( 'changed' => 'by another plugin' ) );
		$this->assertSame( Signer::sign( self::served( $push, $response ), self::SECRET ), $response->get_headers()['X-Signature'] );
	}

	public function test_a_wrong_signature_is_401_and_stores_nothing(): void {
		foreach ( array( array( 'secret' => 'another' ), array( 'secret' => 'another', 'without_webhook' => true ), array( 'body' => '{"result_id":"x"}' ) ) as $options ) {
			$response = rest_do_request( self::push( array(), $options ) );
			$this->assertSame( array( 401, 'pressferry_signature_invalid' ), array( $response->get_status(), $response->get_data()['code'] ) );
			$this->assertFalse( isset( $response->get_headers()['X-Signature'] ) );
		}
		$this->assertSame( 0, self::stored() );
		$this->assertCount( 0, $this->fired );
	}

	public function test_a_wrong_webhook_signature_is_not_saved_by_a_right_x_signature(): void {
		$push = self::push();
		$push->set_header( 'webhook-signature', 'v1,AAAA' );
		$this->assertSame( 401, rest_do_request( $push )->get_status() );
		$this->assertSame( 0, self::stored() );
	}

	public function test_a_stale_push_is_401_in_either_form(): void {
		$old = gmdate( 'Y-m-d\TH:i:s.000\Z', time() - 302 );
		foreach ( array( self::push( array(), array( 'timestamp' => time() - 302 ) ), self::push( array(), array( 'timestamp' => time() + 302 ) ), self::push( array( 'sent_at' => $old ), array( 'without_webhook' => true ) ), self::push( array( 'sent_at' => 'yesterday' ), array( 'without_webhook' => true ) ) ) as $push ) {
			$response = rest_do_request( $push );
			$this->assertSame( array( 401, 'pressferry_timestamp_stale' ), array( $response->get_status(), $response->get_data()['code'] ) );
		}
		$this->assertSame( 0, self::stored() );
	}

	public function test_x_signature_alone_is_enough_when_it_is_fresh(): void {
		$this->assertSame( 200, rest_do_request( self::push( array(), array( 'without_webhook' => true ) ) )->get_status() );
	}

	public function test_the_previous_secret_is_still_accepted_and_signs_the_answer(): void {
		update_option( 'pressferry_hmac_secret', 'the new secret' );
		update_option( 'pressferry_hmac_secret_previous', self::SECRET );
		$push     = self::push();
		$response = rest_do_request( $push );
		$this->assertSame( 200, $response->get_status() );
		$this->assertSame( Signer::sign( self::served( $push, $response ), self::SECRET ), $response->get_headers()['X-Signature'] );
	}

	public function test_without_a_secret_nothing_verifies(): void {
		delete_option( 'pressferry_hmac_secret' );
		$this->assertSame( 503, rest_do_request( self::push( array(), array( 'secret' => '' ) ) )->get_status() );
	}

	public function test_an_empty_body_is_refused_whatever_the_method_says(): void {
		$request = new \WP_REST_Request( 'POST', '/pressferry/v1/results' );
		$request->set_header( 'x-signature', Signer::sign( '', self::SECRET ) );
		$this->assertSame( 400, rest_do_request( $request )->get_status() );
		$this->assertSame( 404, rest_do_request( new \WP_REST_Request( 'GET', '/pressferry/v1/results' ) )->get_status() );
	}

	public function test_a_result_that_lacks_a_field_is_400_and_not_acknowledged(): void {
		$response = rest_do_request( self::push( array( 'automation' => null ) ) );
		$this->assertSame( 400, $response->get_status() );
		$this->assertFalse( isset( $response->get_headers()['X-Signature'] ) );
		$this->assertSame( 0, self::stored() );
	}

	public function test_a_listener_that_throws_does_not_bring_the_result_again(): void {
		add_action( 'pressferry_result', static function () {
			throw new \Error( 'listener' );
		}, 5 );
		$this->assertSame( 200, rest_do_request( self::push() )->get_status() );
		$this->assertSame( 1, self::stored() );
	}

	public function test_a_result_belongs_to_the_post_of_its_event(): void {
		$inbox = new Inbox( new Clock() );
		rest_do_request( self::push( array( 'object_ref' => '4711', 'status' => 'failed', 'error' => array( 'code' => 'vendor_refused', 'step' => 'crm' ) ) ) );
		$results = pressferry_get_results( 4711 );
		$this->assertCount( 1, $results );
		$this->assertSame( array( 'failed', 'crm' ), array( $results[0]['status'], $results[0]['error']['step'] ) );
		$this->assertSame( $results, $inbox->for_post( 4711 ) );
	}

	public function test_the_status_route_tells_states_and_times_but_no_content(): void {
		$key  = $this->add_event( '17', array( 'title' => 'secret plans' ) );
		$body = wp_json_encode( array( 'idempotency_key' => $key, 'sent_at' => Clock::rfc3339( ( new Clock() )->now_ms() ) ) );
		$ask  = new \WP_REST_Request( 'POST', '/pressferry/v1/status' );
		$ask->set_header( 'content-type', 'application/json' );
		$ask->set_header( 'x-signature', Signer::sign( $body, self::SECRET ) );
		$ask->set_body( $body );
		$response = rest_do_request( $ask );
		$this->assertSame( 200, $response->get_status() );
		$this->assertSame( array( $key, 'pending', 1795500000000 ), array( $response->get_data()['events'][0]['idempotency_key'], $response->get_data()['events'][0]['status'], $response->get_data()['events'][0]['occurred_at_ms'] ) );
		$this->assertStringNotContainsString( 'secret plans', self::served( $ask, $response ) );
		$ask->set_header( 'x-signature', 'sha256=00' );
		$this->assertSame( 401, rest_do_request( clone $ask )->get_status() );
	}
}
