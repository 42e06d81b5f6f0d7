<?php
namespace Pressferry\Tests;

use Pressferry\Backend\Identity;
use Pressferry\Backend\Invitation;
use Pressferry\Config;

/**
 * Copies of a site as the tools of agencies make them: the whole database, with one URL written over the other.
 */
final class CopyTest extends ScenarioCase {
	const OPTIONS = array( 'results_url', 'enrolled_home', 'key_made_at' );

	protected function tearDown(): void {
		foreach ( self::OPTIONS as $name ) {
			delete_option( 'pressferry_' . $name );
		}
		parent::tearDown();
	}

	private static function identity(): Identity {
		return self::part( 'identity' );
	}

	private function enrol(): void {
		$told = array( 'site_id' => 'site-example', 'kid' => 'k-1', 'secret' => 'drawn', 'issuer' => Config::home(), 'audience' => 'pressferry', 'ingress_url' => 'https://203.0.113.10', 'results_url' => 'https://203.0.113.30' );
		$this->answer( FakeIngress::response( 201, $told, array( 'content-type' => 'application/json' ) ) );
		$this->assertTrue( self::identity()->enrol( Invitation::read( 'pfe1_' . str_repeat( 'aB3-', 10 ) . 'xyz@https://203.0.113.30', '', false ) )['ok'] );
	}

	/**
	 * What `wp search-replace` and the migration plugins do, also inside serialised and JSON texts.
	 */
	private static function search_and_replace( string $from, string $to ): void {
		global $wpdb;
		$forms = array( $from => $to, str_replace( '/', '\/', $from ) => str_replace( '/', '\/', $to ), rawurlencode( $from ) => rawurlencode( $to ) );
		foreach ( $forms as $old => $new ) {
			$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->options} SET option_value = REPLACE( option_value, %s, %s ) WHERE option_name LIKE '%%pressferry%%'", $old, $new ) );
		}
		wp_cache_flush();
	}

	public function test_a_copy_whose_urls_were_searched_and_replaced_is_noticed_all_the_same(): void {
		$original = Config::home();
		$this->enrol();
		self::search_and_replace( $original, 'https://staging.example' );
		self::search_and_replace( (string) wp_parse_url( $original, PHP_URL_HOST ), 'staging.example' );
		$this->assertSame( $original, ( new Config() )->get( 'ENROLLED_HOME' ) );
	}
}
