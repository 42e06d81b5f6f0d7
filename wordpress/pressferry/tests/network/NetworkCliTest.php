<?php
namespace Pressferry\Tests\Network;

use Pressferry\Admin\Area;
use Pressferry\Config;
use Pressferry\Tests\FakeIngress;

require_once dirname( __DIR__ ) . '/support/FakeCli.php';

final class NetworkCliTest extends NetworkCase {
	protected function setUp(): void {
		parent::setUp();
		\WP_CLI::$lines = array();
	}

	/**
	 * Runs a method of `--network`.
	 *
	 * @return array{0: int, 1: string} The exit code, and what was printed.
	 */
	private static function wp( string $method, ...$args ): array {
		$make = new \ReflectionMethod( Area::class, 'network_command' );
		$make->setAccessible( true );
		\WP_CLI::$lines = array();
		try {
			$make->invoke( self::hooked( 'admin_menu', Area::class ) )->$method( ...$args );
		} catch ( \RuntimeException $exit ) {
			return array( $exit->getCode(), implode( "\n", \WP_CLI::$lines ) );
		}
		return array( 0, implode( "\n", \WP_CLI::$lines ) );
	}

	/**
	 * @return array<int, array<string, mixed>> By the number of the site.
	 */
	private static function json( string $method, ...$args ): array {
		return array_column( (array) json_decode( explode( "\n", self::wp( $method, ...$args )[1] )[0], true ), null, 'blog' );
	}

	private function publish_on( int ...$blogs ): void {
		foreach ( $blogs as $blog ) {
			self::on(
				$blog,
				static function (): void {
					wp_insert_post( array( 'post_title' => 'Fog', 'post_status' => 'publish' ) );
				}
			);
		}
		$this->end_request();
	}

	private static function disconnect( int ...$blogs ): void {
		foreach ( $blogs as $blog ) {
			self::on(
				$blog,
				static function (): void {
					self::part( 'identity' )->disconnect();
				}
			);
		}
	}

	/**
	 * @return int[] The second and the third blog, ascending: the order in which `--network` takes them.
	 */
	private function in_order(): array {
		return array( min( $this->two, $this->three ), max( $this->two, $this->three ) );
	}

	private static function token( string $letter ): string {
		return 'pfe1_' . str_repeat( $letter, 43 ) . '@https://203.0.113.30';
	}

	private static function enrolled( string $site_id ): array {
		return FakeIngress::response( 201, array( 'site_id' => $site_id, 'kid' => 'k', 'secret' => 's', 'issuer' => 'https://x.example', 'audience' => 'pressferry', 'ingress_url' => 'https://203.0.113.10', 'results_url' => 'https://203.0.113.30' ), array( 'content-type' => 'application/json' ) );
	}

	public function test_status_has_a_line_for_each_site_and_makes_no_tables(): void {
		$this->publish_on( $this->two, $this->two );
		self::disconnect( $this->three );
		$json = array( 'format' => 'json' );
		$rows = self::json( 'status', $json );
		$this->assertSame( array( 'connected', 'two', 2, 0 ), array( $rows[ $this->two ]['state'], $rows[ $this->two ]['site_id'], $rows[ $this->two ]['waiting'], $rows[ $this->two ]['last_sent_at'] ) );
		$this->assertGreaterThan( 0, $rows[ $this->two ]['oldest_waiting_at'] );
		$this->assertSame( array( 'not_connected', 0 ), array( $rows[ $this->three ]['state'], $rows[ $this->three ]['waiting'] ) );
		$this->assertFalse( self::has_table( $this->three, 'outbox' ) );
		self::wp( 'dispatch', $json );
		$this->assertGreaterThan( 0, self::json( 'status', $json )[ $this->two ]['last_sent_at'] );
	}

	public function test_dispatch_sends_what_every_site_has_each_with_its_own_keys(): void {
		$this->publish_on( $this->two, $this->three );
		$rows = self::json( 'dispatch', array( 'format' => 'json' ) );
		$this->assertSame( array( 1, 1 ), array( $rows[ $this->two ]['accepted'], $rows[ $this->three ]['accepted'] ) );
		$this->assertCount( 2, $this->ingress->requests );
		foreach ( $this->in_order() as $at => $blog ) {
			self::assert_signed_by( $blog === $this->two ? 'two' : 'three', $blog, $this->ingress->requests[ $at ] );
		}
	}

	public function test_doctor_ends_with_1_if_something_is_broken_on_one_site(): void {
		list( $code, $printed ) = self::wp( 'doctor', array() );
		$this->assertSame( 0, $code, $printed );
		self::disconnect( $this->three );
		list( $code, $printed ) = self::wp( 'doctor', array() );
		$this->assertSame( 1, $code );
		$this->assertStringContainsString( 'PRESSFERRY_SITE_ID', $printed );
		$this->assertStringContainsString( wp_json_encode( self::home( $this->three ) ), $printed );
	}

	public function test_enroll_connects_the_sites_that_are_not_connected_each_with_its_own_token(): void {
		self::disconnect( $this->two, $this->three );
		$used = FakeIngress::response( 409, array( 'code' => 'enrolment_token_used' ), array( 'content-type' => 'application/problem+json' ) );
		$this->answer( $used, self::enrolled( 'a' ), FakeIngress::response( 200, array() ), self::enrolled( 'b' ), FakeIngress::response( 200, array() ) );
		list( $code, $printed ) = self::wp( 'enroll', array( self::token( 'u' ), self::token( 'a' ), self::token( 'b' ), self::token( 'c' ) ), '', array() );
		$this->assertStringContainsString( 'Success: 2 site(s) connected, 0 failed, 0 left; 1 token(s) were good for no site, 1 are unused.', $printed );
		$this->assertSame( 0, $code );
		list( $first, $second ) = $this->in_order();
		$tokens                 = array();
		foreach ( $this->ingress->requests as $request ) {
			if ( '/enroll' === wp_parse_url( $request['url'], PHP_URL_PATH ) ) {
				$body     = json_decode( $request['body'], true );
				$tokens[] = array( $body['token'][5], $body['home_url'] );
			}
		}
		$this->assertSame( array( array( 'u', self::home( $first ) ), array( 'a', self::home( $first ) ), array( 'b', self::home( $second ) ) ), $tokens );
		foreach ( array( 'a' => $first, 'b' => $second ) as $site_id => $blog ) {
			$stored = self::on(
				$blog,
				static function (): string {
					return ( new Config() )->get( 'SITE_ID' );
				}
			);
			$this->assertSame( $site_id, $stored );
		}
	}

	public function test_enroll_stops_at_a_fault_that_would_meet_every_site_and_ends_with_1(): void {
		self::disconnect( $this->two, $this->three );
		$this->answer( new \WP_Error( 'http_request_failed', 'cURL error 7: refused' ) );
		list( $code, $printed ) = self::wp( 'enroll', array( self::token( 'a' ), self::token( 'b' ) ), '', array() );
		$this->assertSame( 1, $code );
		$this->assertStringContainsString( '0 site(s) connected, 0 failed, 2 left; 0 token(s) were good for no site, 2 are unused.', $printed );
		$this->assertCount( 1, $this->ingress->requests );
	}

	public function test_enroll_ends_with_1_if_there_were_too_few_tokens(): void {
		self::disconnect( $this->two, $this->three );
		$this->answer( self::enrolled( 'a' ) );
		list( $code, $printed ) = self::wp( 'enroll', array( self::token( 'a' ) ), '', array( 'format' => 'json' ) );
		$this->assertSame( 1, $code );
		$this->assertStringContainsString( '1 left', $printed );
	}

	public function test_outbox_lists_sends_again_and_purges_on_every_site(): void {
		$this->publish_on( $this->two, $this->three );
		$refused = FakeIngress::response( 422, array( 'code' => 'data_invalid' ), array( 'content-type' => 'application/problem+json' ) );
		$this->answer( $refused, $refused, FakeIngress::accepted() );
		self::wp( 'dispatch', array() );
		$filter = array( 'status' => 'refused', 'event_type' => '', 'search' => '', 'limit' => 50 );
		$this->assertSame( '2', self::wp( 'outbox_list', $filter, array(), 'count' )[1] );
		$this->assertSame( $this->in_order(), array_column( (array) json_decode( self::wp( 'outbox_list', $filter, array( 'id' ), 'json' )[1], true ), 'blog' ) );
		$this->assertStringContainsString( 'Success: 2 event(s) are due now', self::wp( 'outbox_retry', 'refused' )[1] );
		$this->assertSame( 1, self::wp( 'outbox_retry', 'refused' )[0] );
		self::wp( 'dispatch', array() );
		$this->assertStringContainsString( '2 event(s) deleted', self::wp( 'outbox_purge', 'sent', 0 )[1] );
		$this->assertCount( 0, $this->rows_of( $this->two ) );
	}
}
