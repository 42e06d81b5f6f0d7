<?php
namespace Pressferry\Tests\Network;

use Pressferry\Config;
use Pressferry\Outbox\SpoolFile;

require_once ABSPATH . 'wp-admin/includes/admin.php';

final class BlogLifeTest extends NetworkCase {
	const PLUGIN = 'pressferry/pressferry.php';

	protected function tearDown(): void {
		activate_plugin( self::PLUGIN, '', true, true );
		parent::tearDown();
	}

	private static function publish_on( int $blog ): void {
		self::on(
			$blog,
			static function (): void {
				wp_insert_post( array( 'post_title' => 'Fog', 'post_status' => 'publish' ) );
			}
		);
	}

	/**
	 * @return mixed
	 */
	private static function tick_of( int $blog ) {
		return self::on(
			$blog,
			static function () {
				return wp_next_scheduled( 'pressferry_tick' );
			}
		);
	}

	/**
	 * @return string[] The names of a blog's options that are the plugin's.
	 */
	private static function options_of( int $blog ): array {
		global $wpdb;
		return $wpdb->get_col( 'SELECT option_name FROM ' . $wpdb->get_blog_prefix( $blog ) . "options WHERE option_name LIKE '%pressferry%'" );
	}

	public function test_a_new_blog_gets_its_tables_with_its_first_event(): void {
		$this->end_request();
		$this->assertFalse( self::has_table( $this->two, 'outbox' ) );
		self::publish_on( $this->two );
		$this->end_request();
		$this->assertSame( array( true, true, false ), array( self::has_table( $this->two, 'outbox' ), self::has_table( $this->two, 'inbox' ), self::has_table( $this->three, 'outbox' ) ) );
		$this->assertCount( 1, $this->rows_of( $this->two ) );
	}

	public function test_a_deleted_blog_leaves_no_table_option_or_file(): void {
		self::publish_on( $this->two );
		$this->end_request();
		$file = self::on(
			$this->two,
			static function (): string {
				( new SpoolFile() )->append( 'kept' );
				return ( new SpoolFile() )->path();
			}
		);
		$this->assertFileExists( $file );
		wp_delete_site( $this->two );
		$this->assert_nothing_left( $this->two );
		$this->assertFileDoesNotExist( $file );
	}

	public function test_an_event_of_a_blog_that_is_deleted_in_the_same_request_brings_nothing_back(): void {
		$_SERVER['REQUEST_METHOD'] = 'POST';
		self::publish_on( $this->two );
		self::on(
			$this->two,
			static function (): void {
				pressferry_record_event( 'form.submitted', '1', array( 'form_id' => '1', 'fields' => array() ) );
			}
		);
		wp_delete_site( $this->two );
		$this->end_request();
		self::trigger()->on_shutdown();
		$this->assert_nothing_left( $this->two );
		$this->assertCount( 0, $this->ingress->loopbacks );
		$this->assertSame( '', $GLOBALS['wpdb']->last_error );
	}

	private function assert_nothing_left( int $blog ): void {
		global $wpdb;
		$this->assertSame( array(), $wpdb->get_col( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $wpdb->get_blog_prefix( $blog ) ) . '%' ) ) );
	}

	public function test_network_activation_builds_nothing_and_each_blog_schedules_its_own_tick(): void {
		deactivate_plugins( self::PLUGIN, true, true );
		$this->assertNull( activate_plugin( self::PLUGIN, '', true ) );
		$this->assertFalse( self::has_table( $this->two, 'outbox' ) );
		self::on( $this->two, array( self::trigger(), 'ensure_tick' ) );
		$this->assertNotFalse( self::tick_of( $this->two ) );
		$this->assertFalse( self::tick_of( $this->three ) );
	}

	public function test_network_deactivation_clears_the_tick_of_every_blog_of_this_network(): void {
		foreach ( array( 1, $this->two, $this->three ) as $blog ) {
			self::on( $blog, array( self::trigger(), 'ensure_tick' ) );
			$this->assertNotFalse( self::tick_of( $blog ) );
		}
		deactivate_plugins( self::PLUGIN, false, true );
		$this->assertSame( array( false, false, false ), array_map( array( self::class, 'tick_of' ), array( 1, $this->two, $this->three ) ) );
		$this->assertSame( 1, get_current_blog_id() );
	}

	public function test_another_network_of_the_installation_is_not_touched_and_takes_no_identity_from_wp_config(): void {
		global $wpdb;
		$wpdb->insert( $wpdb->site, array( 'domain' => 'other.example', 'path' => '/' ) );
		$network = $wpdb->insert_id;
		$other   = wpmu_create_blog( 'other.example', '/', 'Other', 1 );
		wp_update_site( $other, array( 'network_id' => $network ) );
		putenv( 'PRESSFERRY_SITE_ID=main' );
		try {
			self::on( $other, array( self::trigger(), 'ensure_tick' ) );
			deactivate_plugins( self::PLUGIN, false, true );
			$this->assertNotFalse( self::tick_of( $other ) );
			$site_id = self::on(
				$other,
				static function (): string {
					return ( new Config() )->get( 'SITE_ID' );
				}
			);
			$this->assertSame( array( 'main', '' ), array( ( new Config() )->get( 'SITE_ID' ), $site_id ) );
		} finally {
			putenv( 'PRESSFERRY_SITE_ID' );
			wp_delete_site( $other );
			$wpdb->delete( $wpdb->site, array( 'id' => $network ) );
		}
	}

	public function test_deactivation_on_one_blog_leaves_the_others_ticking(): void {
		foreach ( array( 1, $this->two ) as $blog ) {
			self::on( $blog, array( self::trigger(), 'ensure_tick' ) );
		}
		self::on(
			$this->two,
			static function (): void {
				do_action( 'deactivate_' . self::PLUGIN, false );
			}
		);
		$this->assertFalse( self::tick_of( $this->two ) );
		$this->assertNotFalse( self::tick_of( 1 ) );
	}

	public function test_uninstalling_removes_what_each_blog_asked_for_and_every_tick(): void {
		foreach ( array( $this->two, $this->three ) as $blog ) {
			self::publish_on( $blog );
			self::on( $blog, array( self::trigger(), 'ensure_tick' ) );
		}
		$this->end_request();
		$file = self::on(
			$this->two,
			static function (): string {
				update_option( 'pressferry_delete_data', '1', false );
				( new SpoolFile() )->append( 'kept' );
				return ( new SpoolFile() )->path();
			}
		);
		defined( 'WP_UNINSTALL_PLUGIN' ) || define( 'WP_UNINSTALL_PLUGIN', self::PLUGIN );
		include dirname( __DIR__, 2 ) . '/uninstall.php';
		$this->assertSame( array( false, false ), array( self::has_table( $this->two, 'outbox' ), self::has_table( $this->two, 'inbox' ) ) );
		$this->assertSame( array(), self::options_of( $this->two ) );
		$this->assertFileDoesNotExist( $file, 'it holds events' );
		$this->assertSame( array( false, false ), array( self::tick_of( $this->two ), self::tick_of( $this->three ) ) );
		$this->assertCount( 1, $this->rows_of( $this->three ), 'it did not ask' );
		$this->assertSame( 1, get_current_blog_id() );
	}

	public function test_a_plugin_that_only_the_requests_own_blog_has_records_nothing_on_another(): void {
		deactivate_plugins( self::PLUGIN, true, true );
		update_option( 'active_plugins', array( self::PLUGIN ) );
		try {
			self::publish_on( $this->two );
			$this->publish();
			$this->assertCount( 1, $this->rows() );
			$this->assertFalse( self::has_table( $this->two, 'outbox' ), 'nothing would ever send it' );
			self::on(
				$this->two,
				static function (): void {
					update_option( 'active_plugins', array( self::PLUGIN ) );
				}
			);
			self::publish_on( $this->two );
			$this->end_request();
			$this->assertCount( 1, $this->rows_of( $this->two ) );
		} finally {
			update_option( 'active_plugins', array() );
		}
	}
}
