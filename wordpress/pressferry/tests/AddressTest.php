<?php
namespace Pressferry\Tests;

use Pressferry\Callback\Address;

/**
 * Where results are sent, whatever the server makes of permalinks.
 */
final class AddressTest extends ScenarioCase {
	const PRETTY = 'http://site.example/wp-json/pressferry/v1/results';

	private function given( $pretty, $plain ): string {
		$rest_url = static function (): string {
			return self::PRETTY;
		};
		$answer   = static function ( $pre, $args, $url ) use ( $pretty, $plain ) {
			return self::PRETTY === $url ? $pretty : ( false !== strpos( $url, 'rest_route=' ) ? $plain : $pre );
		};
		add_filter( 'rest_url', $rest_url );
		add_filter( 'pre_http_request', $answer, 20, 3 );
		$found = Address::of_results();
		remove_filter( 'rest_url', $rest_url );
		remove_filter( 'pre_http_request', $answer, 20 );
		return $found;
	}

	public function test_a_server_that_shows_its_home_page_under_wp_json_is_pushed_to_by_rest_route(): void {
		$ours   = FakeIngress::response( 401, array( 'code' => 'pressferry_signature_invalid' ) );
		$page   = FakeIngress::response( 200, '<html>Welcome</html>' );
		$nobody = new \WP_Error( 'http_request_failed', 'no route to host' );
		$this->assertSame( self::PRETTY, $this->given( $ours, $ours ) );
		$this->assertSame( home_url( '/' ) . '?rest_route=/pressferry/v1/results', $this->given( $page, $ours ) );
		$this->assertSame( home_url( '/' ) . '?rest_route=/pressferry/v1/results', $this->given( FakeIngress::response( 404, 'Not Found' ), $ours ) );
		$this->assertSame( self::PRETTY, $this->given( $page, $page ), 'neither works: what WordPress says' );
		$this->assertSame( self::PRETTY, $this->given( $nobody, $ours ), 'the site does not reach itself, which says nothing' );
	}
}
