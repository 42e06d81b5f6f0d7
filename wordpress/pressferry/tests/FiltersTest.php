<?php
namespace Pressferry\Tests;

use Pressferry\Http\Signer;

/**
 * Other plugins filter every request of WordPress, ours too.
 */
final class FiltersTest extends PluginTestCase {
	public function test_filters_of_other_plugins_change_neither_the_bounds_of_a_request_nor_what_is_signed(): void {
		add_filter( 'http_request_args', array( self::class, 'meddle' ), 99 );
		$this->add_event();
		$this->dispatcher()->dispatch();
		remove_filter( 'http_request_args', array( self::class, 'meddle' ), 99 );
		$sent = $this->ingress->requests[0];
		$this->assertSame( array( 5.0, 0, true, 'POST' ), array( $sent['timeout'], $sent['redirection'], $sent['blocking'], $sent['method'] ) );
		$this->assertSame( Signer::sign( $sent['body'], self::SECRET ), $sent['headers']['X-Signature'] );
		$this->assertSame( 'Bearer ey', substr( $sent['headers']['Authorization'], 0, 9 ) );
		$this->assertSame( 'yes', $sent['headers']['X-Added'], 'what they add is theirs' );
	}

	public static function meddle( array $args ): array {
		return array( 'timeout' => 60, 'redirection' => 5, 'blocking' => false, 'body' => 'x', 'method' => 'GET', 'headers' => array( 'Authorization' => 'Basic x', 'X-Added' => 'yes' ) ) + $args;
	}

	public function test_a_filter_that_throws_costs_a_try_and_nothing_else(): void {
		$keys  = array( $this->add_event( '1' ), $this->add_event( '2' ) );
		$throw = static function (): void {
			throw new \TypeError( 'somebody else' );
		};
		add_filter( 'pre_http_request', $throw, 1 );
		$this->dispatcher()->dispatch();
		remove_filter( 'pre_http_request', $throw, 1 );
		$this->assertSame( array( 'pending', 'pending' ), array( $this->row( $keys[0] )['status'], $this->row( $keys[1] )['status'] ) );
		$this->assertSame( 'network_error', $this->row( $keys[0] )['last_error'] );
		$this->clock->ms += 3600000;
		$this->dispatcher()->dispatch();
		$this->assertSame( array( 'sent', 'sent' ), array( $this->row( $keys[0] )['status'], $this->row( $keys[1] )['status'] ) );
	}
}
