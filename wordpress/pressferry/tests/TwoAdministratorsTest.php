<?php
namespace Pressferry\Tests;

use Pressferry\Admin\ConnectWords;
use Pressferry\Backend\Identity;
use Pressferry\Backend\Invitation;
use Pressferry\Config;
use Pressferry\State\DispatchLock;

/**
 * Two people, or one who clicks twice, connect the same site at the same time.
 */
final class TwoAdministratorsTest extends ScenarioCase {
	const OPTIONS = array( 'results_url', 'enrolled_home', 'key_made_at', 'previous_until', 'hmac_secret_previous' );

	protected function setUp(): void {
		parent::setUp();
		foreach ( array( 'site_id', 'kid', 'private_key', 'hmac_secret', 'ingress_url' ) as $name ) {
			delete_option( 'pressferry_' . $name );
		}
	}

	protected function tearDown(): void {
		foreach ( self::OPTIONS as $name ) {
			delete_option( 'pressferry_' . $name );
		}
		parent::tearDown();
	}

	private static function identity(): Identity {
		return self::part( 'identity' );
	}

	private static function invitation( string $letter ): Invitation {
		return Invitation::read( 'pfe1_' . str_repeat( $letter, 43 ) . '@https://203.0.113.30', '', false );
	}

	private static function enrolled( string $name ): array {
		return FakeIngress::response( 201, array( 'site_id' => "site-$name", 'kid' => "k-$name", 'secret' => "secret-$name", 'issuer' => Config::home(), 'audience' => 'pressferry', 'ingress_url' => 'https://203.0.113.10', 'results_url' => 'https://203.0.113.30' ), array( 'content-type' => 'application/json' ) );
	}

	public function test_while_one_enrols_or_rotates_the_other_is_told_so_and_nothing_is_mixed(): void {
		global $wpdb;
		$outcomes = array();
		// The other's request, while the backend answers the first one. One connection has its locks twice, so both go by the lease.
		$during = function ( $pre ) use ( &$outcomes ) {
			if ( array() === $outcomes ) {
				$outcomes = array( 'enrol' => null );
				$outcomes = array(
					'enrol'  => self::identity()->enrol( self::invitation( 'B' ) ),
					'rotate' => self::identity()->rotate( true, true ),
				);
			}
			return $pre;
		};
		add_filter( 'pre_http_request', $during, 1 );
		$mysql          = $wpdb->is_mysql;
		$wpdb->is_mysql = false;
		$this->answer( self::enrolled( 'A' ), self::enrolled( 'B' ) );
		try {
			$first = self::identity()->enrol( self::invitation( 'A' ) );
		} finally {
			$wpdb->is_mysql = $mysql;
			remove_filter( 'pre_http_request', $during, 1 );
		}
		$this->assertSame( array( '', 'being_connected', 'being_connected' ), array( $first['code'], $outcomes['enrol']['code'], $outcomes['rotate']['code'] ) );
		$this->assertStringContainsString( 'at this moment', ConnectWords::failure( 'being_connected', '' ) );
		$config = new Config();
		$this->assertSame( array( 'site-A', 'k-A', 'secret-A' ), array( $config->get( 'SITE_ID' ), $config->get( 'KID' ), $config->get( 'HMAC_SECRET' ) ) );
		$this->assertTrue( ( new DispatchLock( new \Pressferry\Clock(), 'identity' ) )->acquire(), 'the turn is given back' );
	}

	public function test_the_same_token_sent_twice_is_one_enrolment_and_no_fault(): void {
		$used = FakeIngress::response( 409, array( 'code' => 'enrolment_token_used' ), array( 'content-type' => 'application/problem+json' ) );
		$this->answer( self::enrolled( 'A' ), $used );
		$this->assertTrue( self::identity()->enrol( self::invitation( 'A' ) )['ok'] );
		$this->assertTrue( self::identity()->enrol( self::invitation( 'A' ) )['ok'] );
		$this->assertSame( 'site-A', ( new Config() )->get( 'SITE_ID' ) );
		// Once it was disconnected, the same token is asked for again, and found used.
		$this->assertTrue( self::identity()->disconnect()['ok'] );
		$this->assertSame( 'enrolment_token_used', self::identity()->enrol( self::invitation( 'A' ) )['code'] );
	}
}
