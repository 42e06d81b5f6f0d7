<?php
namespace Pressferry\Tests;

use Pressferry\Contract\Wire;
use Pressferry\Http\Answer;

/**
 * Only the backend's own refusals end an event.
 */
final class RefusalTest extends ScenarioCase {
	protected function tearDown(): void {
		delete_option( 'pressferry_retry_base_ms' );
		parent::tearDown();
	}

	private static function page( int $status, array $headers = array() ): array {
		return FakeIngress::response( $status, '<html><body>We are updating this site.</body></html>', $headers + array( 'content-type' => 'text/html' ) );
	}

	private static function problem( string $code, int $status ): array {
		return FakeIngress::response( $status, array( 'type' => 'about:blank', 'status' => $status, 'code' => $code ), array( 'content-type' => 'application/problem+json' ) );
	}

	/**
	 * @return array<string, array<string, mixed>> Answers of all but the backend.
	 */
	private static function strange_answers(): array {
		$uuid = '0b7f6a1e-31b6-4ce5-9e50-7b0f7a5e9c11';
		return array(
			'a maintenance page'                => self::page( 200 ),
			'an empty page'                     => FakeIngress::response( 204, '' ),
			'a redirect to another host'        => self::page( 301, array( 'location' => 'https://www.example/ingest' ) ),
			'a redirect to a login'             => self::page( 302 ),
			'a basic authentication'            => self::page( 401, array( 'www-authenticate' => 'Basic' ) ),
			'a firewall'                        => self::page( 403 ),
			'a route that is gone for a moment' => self::page( 404 ),
			'a server that takes no POST'       => self::page( 405 ),
			'an application firewall'           => self::page( 406 ),
			'a site that is gone'               => self::page( 410 ),
			'the size limit of a proxy'         => self::page( 413 ),
			'a proxy that wants another type'   => self::page( 415 ),
			'a page with our statuses'          => self::page( 422 ),
			'a captcha that says 202'           => self::page( 202, array( 'sg-captcha' => 'challenge' ) ),
			'another 202'                       => FakeIngress::response( 202, array( 'status' => 'accepted' ) ),
			'a 202 whose id is none'            => FakeIngress::response( 202, array( 'status' => 'accepted', 'request_id' => 'x' ) ),
			'a firewall with a request id'      => FakeIngress::response( 202, array( 'request_id' => $uuid, 'message' => 'Please verify that you are human.' ) ),
			'our acceptance under another status' => FakeIngress::response( 200, array( 'request_id' => $uuid, 'status' => 'accepted', 'duplicate' => false ) ),
			'WordPress in the place of ingress' => FakeIngress::response( 404, array( 'code' => 'rest_no_route', 'message' => 'No route' ), array( 'content-type' => 'application/json' ) ),
			'our code, but not our document'    => FakeIngress::response( 422, array( 'code' => 'data_invalid' ), array( 'content-type' => 'application/json' ) ),
			'a problem of another product'      => self::problem( 'invalid_request', 400 ),
			'a code of ours in a problem of another product' => FakeIngress::response( 413, array( 'type' => 'https://gateway.example/errors/size', 'status' => 413, 'code' => 'body_too_large' ), array( 'content-type' => 'application/problem+json' ) ),
			'a problem that came with a success' => self::problem( 'data_invalid', 200 ),
			'a problem of another status'       => FakeIngress::response( 502, array( 'type' => 'about:blank', 'status' => 422, 'code' => 'data_invalid' ), array( 'content-type' => 'application/problem+json' ) ),
			'a problem that was cut'            => FakeIngress::response( 422, '{"type":"https://pressferry.dev/problems#data_invalid","status":422,"code":"data_in', array( 'content-type' => 'application/problem+json' ) ),
			'an acceptance that was cut'        => FakeIngress::response( 202, '{"request_id":"' . $uuid . '","status":"acc' ),
			'an acceptance in part'             => FakeIngress::response( 206, array( 'request_id' => $uuid, 'status' => 'accepted' ) ),
			'an acceptance inside another'      => FakeIngress::response( 202, array( 'data' => array( 'request_id' => $uuid, 'status' => 'accepted' ) ) ),
			'an acceptance of lists'            => FakeIngress::response( 202, array( 'request_id' => array( $uuid ), 'status' => array( 'accepted' ) ) ),
			'an empty 202'                      => FakeIngress::response( 202, '' ),
			'a 202 that is a number'            => FakeIngress::response( 202, '202' ),
			'a 202 that is null'                => FakeIngress::response( 202, 'null' ),
			'bytes that nobody unpacked'        => FakeIngress::response( 202, (string) gzencode( '{"status":"accepted"}' ), array( 'content-encoding' => 'gzip' ) ),
			'no status at all'                  => FakeIngress::response( 0, '' ),
		);
	}

	public function test_an_answer_that_is_not_the_backends_ends_no_event_and_the_event_arrives_when_the_backend_answers(): void {
		foreach ( self::strange_answers() as $what => $answer ) {
			$this->tearDown();
			$this->setUp();
			$id = $this->publish();
			$this->answer( $answer );
			$this->tick();
			$this->assertSame( 'pending', $this->status( $id ), $what );
			$this->answer( FakeIngress::accepted() );
			$this->later();
			$this->tick();
			$this->assertSame( 'sent', $this->status( $id ), $what );
		}
	}

	public function test_no_status_alone_ends_an_event(): void {
		$statuses = array( 100, 200, 201, 202, 203, 204, 205, 206, 207, 226, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 444, 451, 460, 463, 494, 497, 499, 500, 501, 502, 503, 504, 505, 507, 508, 509, 511, 520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 561, 598, 599, 999 );
		foreach ( $statuses as $status ) {
			$answers = array(
				'a page'                 => self::page( $status ),
				'nothing'                => FakeIngress::response( $status, '' ),
				// Of WordPress, of gateways and of load balancers.
				'JSON of somebody else'  => FakeIngress::response( $status, array( 'message' => 'no', 'code' => 'data_invalid', 'error' => array( 'code' => 'data_invalid' ) ), array( 'content-type' => 'application/json' ) ),
				'another problem'        => FakeIngress::response( $status, array( 'title' => 'no', 'status' => $status ), array( 'content-type' => 'application/problem+json' ) ),
				'a problem without JSON' => FakeIngress::response( $status, 'data_invalid', array( 'content-type' => 'application/problem+json' ) ),
			);
			foreach ( $answers as $what => $answer ) {
				$this->assertSame( 'retry', Answer::of( $answer, time() * 1000 )->kind, "$what with $status" );
			}
		}
	}

	public function test_one_maintenance_page_does_not_bury_the_events_that_wait(): void {
		$ids = array();
		for ( $i = 0; $i < 33; $i++ ) {
			$ids[] = $this->publish();
		}
		$this->answer( self::page( 200 ) );
		$this->tick();
		$this->answer( FakeIngress::accepted() );
		for ( $i = 0; $i < 3; $i++ ) {
			$this->later();
			$this->tick();
		}
		$this->assertCount( 33, $this->rows( "status = 'sent'" ) );
	}

	public function test_exactly_the_backends_final_refusals_are_final(): void {
		foreach ( Wire::REACTIONS as $code => $reaction ) {
			$this->tearDown();
			$this->setUp();
			// A wait is drawn from nothing up: out of half a minute, one in a thousand is over before the dispatch is.
			update_option( 'pressferry_retry_base_ms', '3600000' );
			$id = $this->publish();
			$this->answer( self::problem( $code, 400 ), FakeIngress::accepted() );
			$this->tick();
			$statuses = array(
				'correct' => 'refused',
				'hold'    => 'held',
				'repeat'  => 'pending',
			);
			$this->assertSame( $statuses[ $reaction ], $this->status( $id ), $code );
			$this->later();
			$this->tick();
			$this->assertSame( 'correct' === $reaction ? 'refused' : 'sent', $this->status( $id ), $code );
		}
	}

	public function test_a_challenge_is_not_a_request_to_wait(): void {
		$this->publish();
		$this->answer( self::page( 429, array( 'cf-mitigated' => 'challenge', 'retry-after' => '3600' ) ), FakeIngress::accepted() );
		$this->tick();
		$row = $this->rows()[0];
		$this->assertSame( 'challenged', $row['last_error'] );
		$this->assertLessThanOrEqual( ( time() + 31 ) * 1000, (int) $row['next_attempt_at'] );
	}

	public function test_what_a_proxy_puts_around_an_acceptance_changes_nothing(): void {
		$around = array(
			'a byte order mark'      => array( "\xEF\xBB\xBF", '' ),
			'white space'            => array( "\r\n \t", "\n\n" ),
			'both'                   => array( "\xEF\xBB\xBF\n", ' ' ),
			'a comment of a cache'   => array( '', '<!-- Cached by a proxy at 12:00 {"a":1} -->' ),
			'a second document'      => array( '', '{"code":"wp_die","message":"bye"}' ),
		);
		foreach ( $around as $what => list( $before, $after ) ) {
			$this->tearDown();
			$this->setUp();
			$id             = $this->publish();
			$answer         = FakeIngress::accepted();
			$answer['body'] = $before . $answer['body'] . $after;
			$this->answer( $answer );
			$this->tick();
			$this->assertSame( 'sent', $this->status( $id ), $what );
		}
	}

	public function test_what_a_proxy_puts_around_a_refusal_changes_nothing_either(): void {
		$id             = $this->publish();
		$answer         = self::problem( 'data_invalid', 422 );
		$answer['body'] = "\xEF\xBB\xBF\n" . $answer['body'] . '<!-- cached -->';
		$this->answer( $answer );
		$this->tick();
		$this->assertSame( 'refused', $this->status( $id ) );
	}
}
