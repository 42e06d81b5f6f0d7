<?php
namespace Pressferry\Tests;

use Pressferry\Callback\Inbox;
use Pressferry\Callback\OutputGuard;
use Pressferry\Clock;
use Pressferry\Events\Event;
use Pressferry\Http\Signer;
use Pressferry\Outbox\Schema;
use Pressferry\Uuid;

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

	/**
	 * A push about an event that this site has sent.
	 */
	private function answer( array $overrides = array(), array $options = array() ): \WP_REST_Request {
		$key = $this->add_event( $overrides['object_ref'] ?? '17' );
		return self::push( $overrides + array( 'idempotency_key' => $key ), $options );
	}

	private static function stored(): int {
		global $wpdb;
		return (int) $wpdb->get_var( 'SELECT COUNT(*) FROM ' . Schema::inbox() );
	}

	private static function signed( string $route, string $body ): \WP_REST_Request {
		$request = new \WP_REST_Request( 'POST', '/pressferry/v1' . $route );
		$request->set_header( 'content-type', 'application/json' );
		$request->set_header( 'x-signature', Signer::sign( $body, self::SECRET ) );
		$request->set_body( $body );
		return $request;
	}

	/**
	 * The signed bytes that the REST server would write to the client, among whatever else is printed.
	 */
	private static function served( \WP_REST_Request $request, \WP_REST_Response $response, string $before = '', string $after = '' ): string {
		ob_start();
		OutputGuard::$floor = ob_get_level();
		ob_start();
		echo $before;
		apply_filters( 'rest_pre_serve_request', false, $response, $request, rest_get_server() );
		echo $after;
		while ( ob_get_level() > OutputGuard::$floor ) {
			ob_end_flush();
		}
		OutputGuard::$floor = 0;
		// The command line has sent its headers: the signature stands in the last line, and the bytes in the one before.
		$lines = explode( "\n", (string) ob_get_clean() );
		self::assertSame( array( '', 'X-Signature: ' . Signer::sign( $lines[1], self::SECRET ), '' ), array( $lines[0], $lines[2], $lines[3] ) );
		return $lines[1];
	}

	public function test_a_result_is_stored_once_the_action_fires_once_and_both_are_acknowledged(): void {
		$push  = $this->answer();
		$first = rest_do_request( $push );
		$again = rest_do_request( self::push( json_decode( $push->get_body(), true ) ) );
		$this->assertSame( array( 200, 'stored' ), array( $first->get_status(), $first->get_data()['status'] ) );
		$this->assertSame( array( 200, 'duplicate' ), array( $again->get_status(), $again->get_data()['status'] ) );
		$this->assertSame( $first->get_data()['stored_at'], $again->get_data()['stored_at'] );
		$this->assertSame( 1, self::stored() );
		$this->assertCount( 1, $this->fired );
		$this->assertSame( 'The ferry sails – jede Stunde 🚢.', $this->fired[0]['output']['summary'] );
	}

	public function test_a_listener_is_told_of_the_trace_of_the_push_and_of_nothing_that_is_not_one(): void {
		$traceparent = '00-' . str_repeat( 'a', 32 ) . '-' . str_repeat( 'b', 16 ) . '-01';
		foreach ( array( $traceparent => $traceparent, '<script>' => '' ) as $given => $told ) {
			$push = $this->answer( array( 'result_id' => Uuid::v4(), 'object_ref' => md5( $given ) ) );
			$push->set_header( 'traceparent', $given );
			$this->assertSame( 200, rest_do_request( $push )->get_status() );
			$this->assertSame( $told, end( $this->fired )['traceparent'] );
		}
	}

	public function test_the_acknowledgement_is_signed_over_the_very_bytes_that_are_sent(): void {
		$push     = $this->answer();
		$response = rest_do_request( $push );
		$bytes    = self::served( $push, $response );
		$this->assertSame( Signer::sign( $bytes, self::SECRET ), $response->get_headers()['X-Signature'] );
		$this->assertSame( json_decode( $push->get_body(), true )['result_id'], json_decode( $bytes, true )['result_id'] );
	}

	public function test_no_filter_can_come_between_the_signature_and_the_bytes(): void {
		$push     = $this->answer();
		$response = rest_do_request( $push );
		$response->set_data( array( 'changed' => 'by another plugin' ) );
		$this->assertSame( Signer::sign( self::served( $push, $response ), self::SECRET ), $response->get_headers()['X-Signature'] );
	}

	public function test_a_wrong_signature_is_401_and_stores_nothing(): void {
		foreach ( array( array( 'secret' => 'another' ), array( 'secret' => 'another', 'without_webhook' => true ), array( 'body' => '{"result_id":"x"}' ) ) as $options ) {
			$response = rest_do_request( $this->answer( array(), $options ) );
			$this->assertSame( array( 401, 'pressferry_signature_invalid' ), array( $response->get_status(), $response->get_data()['code'] ) );
			$this->assertFalse( isset( $response->get_headers()['X-Signature'] ) );
		}
		$this->assertSame( 0, self::stored() );
		$this->assertCount( 0, $this->fired );
	}

	public function test_a_wrong_webhook_signature_is_not_saved_by_a_right_x_signature(): void {
		$push = $this->answer();
		$push->set_header( 'webhook-signature', 'v1,AAAA' );
		$this->assertSame( 401, rest_do_request( $push )->get_status() );
		$this->assertSame( 0, self::stored() );
	}

	public function test_a_stale_push_is_401_in_either_form(): void {
		$old = gmdate( 'Y-m-d\TH:i:s.000\Z', time() - 302 );
		foreach ( array( $this->answer( array(), array( 'timestamp' => time() - 302 ) ), $this->answer( array(), array( 'timestamp' => time() + 302 ) ), $this->answer( array( 'sent_at' => $old ), array( 'without_webhook' => true ) ), $this->answer( array( 'sent_at' => 'yesterday' ), array( 'without_webhook' => true ) ) ) as $push ) {
			$response = rest_do_request( $push );
			$this->assertSame( array( 401, 'pressferry_timestamp_stale' ), array( $response->get_status(), $response->get_data()['code'] ) );
		}
		$this->assertSame( 0, self::stored() );
	}

	public function test_x_signature_alone_is_enough_when_it_is_fresh(): void {
		$this->assertSame( 200, rest_do_request( $this->answer( array(), array( 'without_webhook' => true ) ) )->get_status() );
	}

	public function test_the_previous_secret_is_still_accepted_and_signs_the_answer(): void {
		update_option( 'pressferry_hmac_secret', 'the new secret' );
		update_option( 'pressferry_hmac_secret_previous', self::SECRET );
		$push     = $this->answer();
		$response = rest_do_request( $push );
		$this->assertSame( 200, $response->get_status() );
		$this->assertSame( Signer::sign( self::served( $push, $response ), self::SECRET ), $response->get_headers()['X-Signature'] );
	}

	public function test_without_a_secret_nothing_verifies(): void {
		delete_option( 'pressferry_hmac_secret' );
		$this->assertSame( 503, rest_do_request( $this->answer( array(), array( 'secret' => '' ) ) )->get_status() );
	}

	public function test_an_empty_body_is_refused_whatever_the_method_says(): void {
		$request = new \WP_REST_Request( 'POST', '/pressferry/v1/results' );
		$request->set_header( 'x-signature', Signer::sign( '', self::SECRET ) );
		$this->assertSame( 400, rest_do_request( $request )->get_status() );
		$this->assertSame( 404, rest_do_request( new \WP_REST_Request( 'GET', '/pressferry/v1/results' ) )->get_status() );
	}

	public function test_a_result_that_lacks_a_field_is_400_and_not_acknowledged(): void {
		$response = rest_do_request( $this->answer( array( 'automation' => null ) ) );
		$this->assertSame( 400, $response->get_status() );
		$this->assertFalse( isset( $response->get_headers()['X-Signature'] ) );
		$this->assertSame( 0, self::stored() );
	}

	public function test_a_listener_that_throws_does_not_bring_the_result_again_nor_keep_it_from_those_of_its_type(): void {
		$heard = 0;
		add_action( 'pressferry_result', static function () {
			throw new \Error( 'listener' );
		}, 5 );
		add_action( 'pressferry_result_post.published', static function () use ( &$heard ) {
			++$heard;
			throw new \Error( 'listener' );
		} );
		$this->assertSame( 200, rest_do_request( $this->answer() )->get_status() );
		remove_all_actions( 'pressferry_result_post.published' );
		$this->assertSame( array( 1, 1 ), array( self::stored(), $heard ) );
	}

	public function test_a_result_belongs_to_the_post_of_its_event(): void {
		$event = new Event( array( 'type' => 'comment.created', 'object_ref' => '9', 'data' => array(), 'dedupe_key' => 'c9', 'post_id' => 4711 ) );
		$this->outbox->insert( $this->outbox->entry( $event, '{}' ) );
		$key = $this->outbox->find( 'object_ref', '9' )[0]['idempotency_key'];
		rest_do_request( self::push( array( 'event_type' => 'comment.created', 'object_ref' => '9', 'idempotency_key' => $key, 'status' => 'failed', 'error' => array( 'code' => 'vendor_refused', 'step' => 'crm' ) ) ) );
		$results = pressferry_get_results( 4711 );
		$this->assertCount( 1, $results );
		$this->assertSame( array( 'failed', 'crm' ), array( $results[0]['status'], $results[0]['error']['step'] ) );
		$this->assertSame( array(), pressferry_get_results( 9 ) );
	}

	public function test_a_result_of_an_event_that_this_site_never_sent_is_not_taken_and_shown_nowhere(): void {
		$this->add_event( '4711' );
		$pushes = array(
			'an unknown key'                    => self::push( array( 'object_ref' => '4711' ) ),
			'a known key with another object'   => $this->answer( array( 'object_ref' => '1', 'idempotency_key' => $this->add_event( '2' ) ) ),
			'a known key with another type'     => $this->answer( array( 'event_type' => 'order.paid' ) ),
		);
		foreach ( $pushes as $what => $push ) {
			$response = rest_do_request( $push );
			$this->assertSame( array( 404, 'pressferry_event_unknown' ), array( $response->get_status(), $response->get_data()['code'] ), $what );
			$this->assertFalse( isset( $response->get_headers()['X-Signature'] ) );
		}
		$this->assertSame( 0, self::stored() );
		$this->assertCount( 0, $this->fired );
		$this->assertSame( array(), pressferry_get_results( 4711 ) );
	}

	public function test_a_result_says_that_its_event_has_arrived_whatever_became_of_the_answer_to_it(): void {
		$push                   = $this->answer();
		$key                    = json_decode( $push->get_body(), true )['idempotency_key'];
		$this->ingress->answers = array( new \WP_Error( 'http_request_failed', 'cURL error 28: timed out' ) );
		$this->dispatcher()->dispatch();
		$this->assertSame( 'pending', $this->row( $key )['status'] );
		rest_do_request( $push );
		$this->assertSame( array( 'sent', '6978440a-03a1-535b-93bf-4c3d1468f01b' ), array( $this->row( $key )['status'], $this->row( $key )['request_id'] ) );
	}

	public function test_a_push_that_is_captured_opens_no_other_route_and_no_other_site(): void {
		$this->add_event();
		$body = $this->answer()->get_body();
		foreach ( array( '/dispatch', '/status' ) as $route ) {
			$this->assertSame( 403, rest_do_request( self::signed( $route, $body ) )->get_status(), $route );
		}
		$now = Clock::rfc3339( ( new Clock() )->now_ms() );
		foreach ( array( array(), array( 'idempotency_key' => Uuid::v4() ), array( 'route' => '/status' ), array( 'route' => '/dispatch', 'site_id' => 'another' ) ) as $members ) {
			$this->assertSame( 403, rest_do_request( self::signed( '/dispatch', (string) wp_json_encode( $members + array( 'sent_at' => $now ) ) ) )->get_status() );
		}
		$this->assertCount( 0, $this->ingress->requests );
		$this->assertSame( 200, rest_do_request( self::signed( '/dispatch', (string) wp_json_encode( array( 'route' => '/dispatch', 'sent_at' => $now ) ) ) )->get_status() );
	}

	public function test_members_that_do_not_fit_are_refused_by_name_and_nothing_is_cut(): void {
		$wrong = array(
			array( 'result_id' => 'x' ),
			array( 'request_id' => 'x' ),
			array( 'event_type' => str_repeat( 'a', 101 ) ),
			array( 'object_ref' => '' ),
			array( 'automation' => str_repeat( 'a', 192 ) ),
			array( 'status' => 'done' ),
			array( 'completed_at' => 'yesterday' ),
			array( 'output' => 'text' ),
			array( 'error' => 'text' ),
		);
		foreach ( $wrong as $members ) {
			$response = rest_do_request( $this->answer( $members ) );
			$this->assertSame( 400, $response->get_status(), (string) wp_json_encode( $members ) );
			$this->assertStringContainsString( key( $members ), $response->get_data()['message'] );
		}
		$this->assertSame( 0, self::stored() );
		$this->assertSame( 200, rest_do_request( $this->answer( array( 'a_newer_member' => 1 ) ) )->get_status() );
	}

	public function test_what_is_printed_before_and_after_the_answer_is_not_in_it(): void {
		$push     = $this->answer();
		$response = rest_do_request( $push );
		$bytes    = self::served( $push, $response, "\xEF\xBB\xBF\nWarning: something", '<!-- cached -->' );
		$this->assertSame( Signer::sign( $bytes, self::SECRET ), $response->get_headers()['X-Signature'] );
	}

	public function test_the_status_route_tells_states_and_times_but_no_content(): void {
		$key  = $this->add_event( '17', array( 'title' => 'secret plans' ) );
		$body = wp_json_encode( array( 'route' => '/status', 'idempotency_key' => $key, 'sent_at' => Clock::rfc3339( ( new Clock() )->now_ms() ) ) );
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
