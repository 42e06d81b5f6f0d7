<?php
namespace Pressferry\Tests\Network;

use Pressferry\Admin\Area;
use Pressferry\Backend\Invitation;
use Pressferry\Config;
use Pressferry\Outbox\Schema;
use Pressferry\Tests\FakeIngress;

require_once ABSPATH . 'wp-admin/includes/admin.php';

final class SettingsPerBlogTest extends NetworkCase {
	/** @var string[] */
	private $set = array();

	protected function tearDown(): void {
		array_map( 'putenv', $this->set );
		wp_set_current_user( 0 );
		parent::tearDown();
	}

	/**
	 * Sets what wp-config.php would by a constant: the environment can be cleared again, and follows the same rule.
	 */
	private function set( string $name, string $value ): void {
		$this->set[] = 'PRESSFERRY_' . $name;
		putenv( "PRESSFERRY_$name=$value" );
	}

	private static function get( int $blog, string $name ): string {
		return self::on(
			$blog,
			static function () use ( $name ): string {
				return ( new Config() )->get( $name );
			}
		);
	}

	private static function screen( int $blog, string $tab ): string {
		wp_set_current_user( 1 );
		return self::on(
			$blog,
			static function () use ( $tab ): string {
				$method = new \ReflectionMethod( Area::class, 'screen' );
				$method->setAccessible( true );
				$_GET['tab'] = $tab;
				ob_start();
				$method->invoke( self::hooked( 'admin_menu', Area::class ) )->render();
				unset( $_GET['tab'] );
				return (string) ob_get_clean();
			}
		);
	}

	public function test_a_constant_of_the_connection_is_locked_on_every_blog(): void {
		$this->set( 'INGRESS_URL', 'https://203.0.113.99/ingest' );
		foreach ( array( 1, $this->two, $this->three ) as $blog ) {
			$this->assertSame( 'https://203.0.113.99/ingest', self::get( $blog, 'INGRESS_URL' ) );
			$this->assertMatchesRegularExpression( '/<input id="pressferry-INGRESS_URL"[^>]* disabled=/', self::screen( $blog, 'settings' ) );
		}
	}

	public function test_a_constant_of_the_identity_is_the_main_blogs_alone(): void {
		foreach ( array( 'SITE_ID' => 'main', 'KID' => 'main-key', 'HMAC_SECRET' => 'main-secret', 'ISSUER' => 'https://main.example' ) as $name => $value ) {
			$this->set( $name, $value );
			$this->assertSame( $value, self::get( 1, $name ) );
			$this->assertNotSame( $value, self::get( $this->two, $name ) );
		}
		$this->assertSame( array( 'two', self::home( $this->two ) ), array( self::get( $this->two, 'SITE_ID' ), self::get( $this->two, 'ISSUER' ) ) );
		$this->assertMatchesRegularExpression( '/<input id="pressferry-SITE_ID"[^>]* disabled=/', self::screen( 1, 'settings' ) );
		$this->assertDoesNotMatchRegularExpression( '/<input id="pressferry-SITE_ID"[^>]* disabled=/', self::screen( $this->two, 'settings' ) );
	}

	public function test_a_constant_with_a_blogs_number_is_that_blogs_alone_and_goes_before_the_one_without(): void {
		$this->set( 'SITE_ID', 'main' );
		$this->set( 'SITE_ID_' . $this->two, 'by-number' );
		$this->set( 'INGRESS_URL', 'https://203.0.113.99/ingest' );
		$this->set( 'INGRESS_URL_' . $this->three, 'https://203.0.113.98/ingest' );
		$this->assertSame( array( 'main', 'by-number', 'three' ), array( self::get( 1, 'SITE_ID' ), self::get( $this->two, 'SITE_ID' ), self::get( $this->three, 'SITE_ID' ) ) );
		$this->assertSame( array( 'https://203.0.113.99/ingest', 'https://203.0.113.98/ingest' ), array( self::get( $this->two, 'INGRESS_URL' ), self::get( $this->three, 'INGRESS_URL' ) ) );
	}

	public function test_blogs_enrol_though_the_network_sets_the_backends_url_and_its_main_blogs_identity(): void {
		$this->set( 'INGRESS_URL', 'https://203.0.113.99/ingest' );
		$this->set( 'SITE_ID', 'main' );
		$this->answer( FakeIngress::response( 201, array( 'site_id' => 'enrolled', 'kid' => 'k-1', 'secret' => 's', 'issuer' => self::home( $this->two ), 'audience' => 'pressferry', 'ingress_url' => 'https://203.0.113.10', 'results_url' => 'https://203.0.113.30' ), array( 'content-type' => 'application/json' ) ) );
		$enrol = static function (): array {
			return self::part( 'identity' )->enrol( Invitation::read( 'pfe1_' . str_repeat( 'aB3-', 10 ) . 'xyz@https://203.0.113.30', '', false ) );
		};
		$this->assertSame( array( 'locked', 'PRESSFERRY_SITE_ID' ), array( $enrol()['code'], $enrol()['detail'] ) );
		$this->assertSame( array( 'ok' => true, 'code' => '', 'detail' => '' ), self::on( $this->two, $enrol ) );
		$this->assertSame( array( 'enrolled', 'https://203.0.113.99/ingest' ), array( self::get( $this->two, 'SITE_ID' ), self::get( $this->two, 'INGRESS_URL' ) ) );
	}

	public function test_each_blogs_screen_shows_its_own_connection_and_counts(): void {
		$this->assertStringContainsString( 'value="two"', self::screen( $this->two, 'settings' ) );
		$this->assertStringContainsString( self::home( $this->two ), self::screen( $this->two, 'settings' ) );
		$this->assertStringContainsString( 'value="three"', self::screen( $this->three, 'settings' ) );
		self::on(
			$this->two,
			static function (): void {
				foreach ( array( 'SITE_ID', 'KID', 'PRIVATE_KEY', 'HMAC_SECRET' ) as $name ) {
					( new Config() )->store( $name, '' );
				}
			}
		);
		$this->assertStringContainsString( '<h2>Connect this site</h2>', self::screen( $this->two, 'connect' ) );
		$this->assertStringContainsString( '<bdi>three</bdi>', self::screen( $this->three, 'connect' ) );
	}

	public function test_events_of_several_sources_are_kept_in_the_order_in_which_they_happened(): void {
		$user = wp_insert_user( array( 'user_login' => 'e' . wp_generate_uuid4(), 'user_pass' => 'x' ) );
		try {
			$this->publish();
		} finally {
			wpmu_delete_user( $user );
		}
		$this->assertSame( array( 'user.registered', 'post.published' ), array_column( $this->rows(), 'event_type' ) );
	}

	public function test_a_source_that_a_blog_switched_off_reports_nothing_there_whichever_blogs_request_it_is(): void {
		$publish = static function (): void {
			wp_insert_post( array( 'post_title' => 'Fog', 'post_status' => 'publish' ) );
		};
		self::on(
			$this->two,
			static function (): void {
				Schema::ensure();
				Schema::switch_off( array( 'posts' ) );
			}
		);
		self::on( $this->two, $publish );
		self::on( $this->three, $publish );
		$this->end_request();
		$this->assertSame( array( 0, 1 ), array( count( $this->rows_of( $this->two ) ), count( $this->rows_of( $this->three ) ) ) );
	}
}
