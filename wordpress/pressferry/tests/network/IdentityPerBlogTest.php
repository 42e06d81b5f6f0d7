<?php
namespace Pressferry\Tests\Network;

use Pressferry\Backend\Invitation;
use Pressferry\Config;
use Pressferry\Outbox\Trigger;
use Pressferry\Tests\FakeClock;
use Pressferry\Tests\FakeIngress;

final class IdentityPerBlogTest extends NetworkCase {
	private function publish_on( int $blog ): int {
		return self::on(
			$blog,
			static function (): int {
				return wp_insert_post( array( 'post_title' => 'Fog', 'post_status' => 'publish' ) );
			}
		);
	}

	public function test_an_event_under_switch_to_blog_is_kept_and_signed_as_the_blog_where_it_happened(): void {
		$post = $this->publish_on( $this->two );
		$this->end_request();
		$this->assertSame( array( 0, 1, 0 ), array( count( $this->rows() ), count( $this->rows_of( $this->two ) ), count( $this->rows_of( $this->three ) ) ) );
		$this->tick();
		$this->assertSame( 'pending', $this->rows_of( $this->two )[0]['status'], "another blog's tick sends nothing of it" );
		$this->ingress->requests = array();
		self::on( $this->two, array( self::part( 'dispatcher' ), 'dispatch' ) );
		$body = self::assert_signed_by( 'two', $this->two, $this->ingress->requests[0] );
		$this->assertSame( (string) $post, $body['object_ref'] );
		$this->assertSame( 'sent', $this->rows_of( $this->two )[0]['status'] );
	}

	public function test_a_cron_request_sends_at_its_end_what_it_recorded_on_other_blogs(): void {
		$_SERVER['REQUEST_METHOD'] = 'GET';
		add_filter( 'wp_doing_cron', '__return_true' );
		try {
			$this->publish_on( $this->two );
			$this->publish_on( $this->three );
			$this->end_request();
			self::trigger()->on_shutdown();
		} finally {
			remove_filter( 'wp_doing_cron', '__return_true' );
		}
		$this->assertCount( 2, $this->ingress->requests );
		self::assert_signed_by( 'two', $this->two, $this->ingress->requests[0] );
		self::assert_signed_by( 'three', $this->three, $this->ingress->requests[1] );
		$this->assertSame( 1, get_current_blog_id() );
	}

	public function test_a_visitors_request_hands_over_to_the_blog_where_the_event_happened(): void {
		$_SERVER['REQUEST_METHOD'] = 'POST';
		$this->publish_on( $this->two );
		$this->end_request();
		self::trigger()->on_shutdown();
		$this->assertCount( 1, $this->ingress->loopbacks );
		$this->assertStringStartsWith( self::home( $this->two ) . '/', $this->ingress->loopbacks[0]['url'] );
		$due = self::on(
			$this->two,
			static function () {
				return wp_next_scheduled( 'pressferry_tick' );
			}
		);
		$this->assertNotFalse( $due, 'if the request never arrives, its tick sends it' );
		$this->assertLessThanOrEqual( time(), $due );
	}

	public function test_a_visitor_waits_for_other_blogs_no_longer_than_a_moment_and_their_ticks_do_the_rest(): void {
		$_SERVER['REQUEST_METHOD'] = 'POST';
		$clock                     = new FakeClock();
		$trigger                   = new Trigger( self::part( 'dispatcher' ), $clock );
		$slow                      = static function ( $pre ) use ( $clock ) {
			$clock->ms += Trigger::TELL_OTHERS_MS;
			return $pre;
		};
		add_filter( 'pre_http_request', $slow, 5 );
		try {
			foreach ( array( $this->two, $this->three ) as $blog ) {
				self::on( $blog, array( $trigger, 'queued' ) );
			}
			$trigger->on_shutdown();
		} finally {
			remove_filter( 'pre_http_request', $slow, 5 );
		}
		$this->assertCount( 1, $this->ingress->loopbacks );
		foreach ( array( $this->two, $this->three ) as $blog ) {
			$due = self::on(
				$blog,
				static function () {
					return wp_next_scheduled( 'pressferry_tick' );
				}
			);
			$this->assertTrue( false !== $due && $due <= time() );
		}
	}

	public function test_each_blog_enrols_with_a_key_of_its_own(): void {
		$keys = array();
		foreach ( array( 'new-two' => $this->two, 'new-three' => $this->three ) as $site_id => $blog ) {
			$this->answer( FakeIngress::response( 201, array( 'site_id' => $site_id, 'kid' => "key-of-$site_id", 'secret' => self::secret( $site_id ), 'issuer' => self::home( $blog ), 'audience' => 'pressferry', 'ingress_url' => 'https://203.0.113.10', 'results_url' => 'https://203.0.113.30' ), array( 'content-type' => 'application/json' ) ) );
			$outcome = self::on(
				$blog,
				static function (): array {
					return self::part( 'identity' )->enrol( Invitation::read( 'pfe1_' . str_repeat( 'aB3-', 10 ) . 'xyz@https://203.0.113.30', '', false ) );
				}
			);
			$this->assertSame( array( true, '' ), array( $outcome['ok'], $outcome['code'] ) );
			$body = json_decode( end( $this->ingress->requests )['body'], true );
			$this->assertSame( self::home( $blog ), $body['home_url'] );
			$this->assertStringStartsWith( self::home( $blog ) . '/', $body['callback_url'] );
			$keys[] = $body['public_key'];
		}
		$this->assertNotSame( $keys[0], $keys[1] );
		$ids = array();
		foreach ( array( 1, $this->two, $this->three ) as $blog ) {
			$ids[] = self::on(
				$blog,
				static function (): string {
					return ( new Config() )->get( 'SITE_ID' );
				}
			);
		}
		$this->assertSame( array( 'one', 'new-two', 'new-three' ), $ids );
	}

	public function test_heartbeat_and_poll_speak_for_the_blog_on_which_they_run(): void {
		$this->publish_on( $this->two );
		$this->end_request();
		self::on( $this->two, array( self::part( 'heartbeat' ), 'send' ) );
		$body = self::assert_signed_by( 'two', $this->two, end( $this->ingress->requests ) );
		$this->assertSame( array( self::home( $this->two ), 1 ), array( $body['home_url'], $body['counts']['pending'] ) );
		self::on( 1, array( self::part( 'heartbeat' ), 'send' ) );
		$body = self::assert_signed_by( 'one', 1, end( $this->ingress->requests ) );
		$this->assertSame( array( self::home( 1 ), 0 ), array( $body['home_url'], $body['counts']['pending'] ) );
		$this->answer( FakeIngress::response( 200, array( 'results' => array(), 'cursor' => 'place-of-two', 'has_more' => false ), array( 'content-type' => 'application/json' ) ) );
		self::on( $this->two, array( self::part( 'poll' ), 'poll' ) );
		self::on( $this->three, array( self::part( 'poll' ), 'poll' ) );
		list( $of_two, $of_three ) = array_slice( $this->ingress->requests, -2 );
		self::assert_signed_by( 'two', $this->two, $of_two );
		self::assert_signed_by( 'three', $this->three, $of_three );
		$this->assertStringNotContainsString( 'place-of-two', $of_three['url'], 'each blog has its own place' );
	}

	public function test_a_backend_that_refuses_one_blog_stops_no_other(): void {
		foreach ( array( $this->two, $this->three ) as $blog ) {
			$this->publish_on( $blog );
		}
		$this->end_request();
		$this->answer( FakeIngress::response( 401, array( 'code' => 'site_unknown', 'status' => 401 ), array( 'content-type' => 'application/problem+json' ) ), FakeIngress::accepted() );
		$dispatcher = self::part( 'dispatcher' );
		$this->assertSame( 1, self::on( $this->two, array( $dispatcher, 'dispatch' ) )['held'] );
		$this->assertSame( 1, self::on( $this->three, array( $dispatcher, 'dispatch' ) )['accepted'] );
	}
}
