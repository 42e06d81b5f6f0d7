<?php
namespace Pressferry\Tests\Network;

use Pressferry\Admin\Area;
use Pressferry\Admin\NetworkScreen;
use Pressferry\Config;
use Pressferry\NetworkSettings;
use Pressferry\Tests\FakeIngress;

require_once ABSPATH . 'wp-admin/includes/admin.php';

final class NetworkScreenTest extends NetworkCase {
	protected function setUp(): void {
		parent::setUp();
		wp_set_current_user( 1 );
		grant_super_admin( 1 );
	}

	protected function tearDown(): void {
		foreach ( Config::OF_THE_NETWORK as $name ) {
			NetworkSettings::store( $name, '' );
			putenv( "PRESSFERRY_$name" );
		}
		$_GET     = array();
		$_POST    = array();
		$_REQUEST = array();
		remove_all_filters( 'wp_die_handler' );
		remove_all_filters( 'wp_die_ajax_handler' );
		remove_all_filters( 'wp_redirect' );
		remove_all_filters( 'wp_doing_ajax' );
		wp_set_current_user( 0 );
		parent::tearDown();
	}

	private static function screen(): NetworkScreen {
		$make = new \ReflectionMethod( Area::class, 'network_screen' );
		$make->setAccessible( true );
		return $make->invoke( self::hooked( 'admin_menu', Area::class ) );
	}

	private static function page( array $get = array() ): string {
		$_GET = $get;
		ob_start();
		self::screen()->render();
		return (string) ob_get_clean();
	}

	/**
	 * Sends the form, or what the script sends.
	 *
	 * @return string Where it leads, what WordPress said when it refused, or the answer to the script.
	 */
	private static function send( string $method, array $fields, bool $nonce = true ): string {
		$_POST    = wp_slash( $fields + array( '_wpnonce' => $nonce ? wp_create_nonce( NetworkScreen::ACTION ) : 'x' ) );
		$_REQUEST = $_POST;
		$stop     = static function ( $text ) {
			throw new \RuntimeException( is_string( $text ) ? $text : 'refused' );
		};
		$handler  = static function () use ( $stop ) {
			return $stop;
		};
		add_filter( 'wp_die_handler', $handler );
		add_filter( 'wp_die_ajax_handler', $handler );
		add_filter( 'wp_doing_ajax', 'answer' === $method ? '__return_true' : '__return_false' );
		add_filter( 'wp_redirect', $stop );
		ob_start();
		try {
			self::screen()->$method();
		} catch ( \RuntimeException $end ) {
			return ob_get_clean() . $end->getMessage();
		}
		return (string) ob_get_clean();
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

	private static function tokens( string ...$letters ): string {
		return implode(
			"\n",
			array_map(
				static function ( string $letter ): string {
					return 'pfe1_' . str_repeat( $letter, 43 ) . '@https://203.0.113.30';
				},
				$letters
			)
		);
	}

	private static function enrolled( string $site_id ): array {
		return FakeIngress::response( 201, array( 'site_id' => $site_id, 'kid' => 'k', 'secret' => 's', 'issuer' => 'https://x.example', 'audience' => 'pressferry', 'ingress_url' => 'https://203.0.113.10', 'results_url' => 'https://203.0.113.30' ), array( 'content-type' => 'application/json' ) );
	}

	public function test_the_table_shows_each_site_with_its_state_its_backlog_and_its_last_delivery(): void {
		self::on(
			$this->two,
			static function (): void {
				wp_insert_post( array( 'post_title' => 'Fog', 'post_status' => 'publish' ) );
			}
		);
		$this->end_request();
		self::disconnect( $this->three );
		$page = self::page();
		$row  = static function ( int $blog ) use ( $page ): string {
			preg_match( '#<tr>(?:(?!</tr>).)*' . preg_quote( self::home( $blog ), '#' ) . '.*?</tr>#s', $page, $found );
			return preg_replace( '/\s+/', ' ', wp_strip_all_tags( str_replace( '<', ' <', $found[0] ?? '' ) ) );
		};
		$this->assertMatchesRegularExpression( '/connected two .*1 \(\d+ \w+ ago\)/', $row( $this->two ) );
		$this->assertStringContainsString( 'not connected', $row( $this->three ) );
		$this->assertStringContainsString( 'name="blogs[]" value="' . $this->three . '"', $page );
		$this->assertStringNotContainsString( 'name="blogs[]" value="' . $this->two . '"', $page );
		$this->assertFalse( self::has_table( $this->three, 'outbox' ), 'looking makes no tables' );
		self::on( $this->two, array( self::part( 'dispatcher' ), 'dispatch' ) );
		$page = self::page();
		$this->assertMatchesRegularExpression( '/connected two \d+ \w+ ago 0 0/', preg_replace( '/\s+/', ' ', wp_strip_all_tags( str_replace( '<', ' <', $page ) ) ) );
	}

	public function test_all_unconnected_sites_are_connected_a_few_at_a_time_and_the_script_is_told_what_is_left(): void {
		self::disconnect( $this->two, $this->three );
		$this->answer( self::enrolled( 'a' ) );
		$answer = json_decode( self::send( 'answer', array( 'blogs' => 'all', 'after' => '0', 'tokens' => self::tokens( 'a' ), 'enrol_url' => '' ) ), true );
		$first  = min( $this->two, $this->three );
		$this->assertSame( array( self::home( $first ), true ), array( $answer['sites'][0]['url'], $answer['sites'][0]['ok'] ) );
		$this->assertSame( array( array(), array( max( $this->two, $this->three ) ), $first, false ), array( $answer['tokens'], $answer['blogs'], $answer['after'], $answer['more'] ) );
		$this->assertSame( 'Sites that are still to be connected: 1. Tokens that are left: 0.', $answer['text'] );
	}

	public function test_chosen_sites_are_connected_by_the_form_alone_too_and_what_became_of_them_is_said(): void {
		self::disconnect( $this->two, $this->three );
		$this->answer( self::enrolled( 'a' ) );
		$url = self::send( 'act', array( 'enrol_chosen' => '1', 'blogs' => array( (string) $this->three ), 'tokens' => self::tokens( 'a', 'b' ), 'enrol_url' => '' ) );
		$this->assertStringContainsString( 'said=enrolled', $url );
		$page = self::page( array( 'said' => 'enrolled' ) );
		$this->assertStringContainsString( '<li>✓ <bdi>' . self::home( $this->three ) . '</bdi>: connected</li>', $page );
		$this->assertStringContainsString( 'Tokens that are left: 1.', $page );
		$this->assertStringNotContainsString( 'pfe1_', $page );
		$this->assertStringContainsString( 'value="' . $this->two . '"', $page );
	}

	public function test_what_the_network_sets_holds_for_every_site_is_locked_there_and_gives_way_to_a_constant(): void {
		$this->assertStringContainsString( 'said=saved', self::send( 'act', array( 'save' => '1', 'INGRESS_URL' => 'https://203.0.113.77/ingest/', 'RESULTS_URL' => '' ) ) );
		$get = function ( string $what ): array {
			return self::on(
				$this->two,
				static function () use ( $what ): array {
					$config = new Config();
					return array( $config->get( 'INGRESS_URL' ), $config->source( 'INGRESS_URL' ), $config->locked( 'INGRESS_URL' ), $what );
				}
			);
		};
		$this->assertSame( array( 'https://203.0.113.77/ingest', 'network', 'https://203.0.113.77/ingest', '' ), $get( '' ) );
		putenv( 'PRESSFERRY_INGRESS_URL=https://203.0.113.99/ingest' );
		$this->assertSame( array( 'https://203.0.113.99/ingest', 'environment' ), array_slice( $get( '' ), 0, 2 ) );
		$this->assertMatchesRegularExpression( '#name="INGRESS_URL"[^>]*value="https://203.0.113.99/ingest" disabled=[^>]*><p class="description">from the environment#', self::page() );
		self::send( 'act', array( 'save' => '1', 'INGRESS_URL' => '', 'RESULTS_URL' => '' ) );
		putenv( 'PRESSFERRY_INGRESS_URL' );
		$this->assertSame( 'https://203.0.113.77/ingest', $get( '' )[0], 'a locked setting is not changed' );
		self::send( 'act', array( 'save' => '1', 'INGRESS_URL' => '', 'RESULTS_URL' => '' ) );
		$this->assertSame( array( 'https://203.0.113.10/ingest', 'option' ), array_slice( $get( '' ), 0, 2 ), 'left to each site again' );
		$this->assertStringContainsString( 'said=url_wrong', self::send( 'act', array( 'save' => '1', 'INGRESS_URL' => 'http://203.0.113.77', 'RESULTS_URL' => 'https://203.0.113.78' ) ) );
		$this->assertSame( array( '', '' ), NetworkSettings::find( 'RESULTS_URL' ), 'nothing was saved' );
	}

	public function test_only_a_super_administrator_may_and_only_with_a_nonce(): void {
		self::disconnect( $this->three );
		$fields = array( 'blogs' => 'all', 'enrol_all' => '1', 'after' => '0', 'tokens' => self::tokens( 'a' ), 'enrol_url' => '' );
		foreach ( array( 'act', 'answer' ) as $method ) {
			self::send( $method, $fields, false );
		}
		$user = wp_insert_user( array( 'user_login' => 'a' . wp_generate_uuid4(), 'user_pass' => 'x', 'role' => 'administrator' ) );
		wp_set_current_user( $user );
		foreach ( array( 'act', 'answer' ) as $method ) {
			self::send( $method, $fields );
		}
		$this->assertSame( '', self::page() );
		wpmu_delete_user( $user );
		$this->assertCount( 0, $this->ingress->requests );
	}
}
