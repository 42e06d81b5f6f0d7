<?php
namespace Pressferry\Tests;

use Pressferry\Admin\Checks;
use Pressferry\Admin\ResultsBox;
use Pressferry\Admin\SiteHealth;
use Pressferry\Admin\Trouble;
use Pressferry\Callback\Inbox;
use Pressferry\Config;
use Pressferry\Http\Sender;
use Pressferry\Outbox\Trigger;
use Pressferry\State\BackendClock;

final class AdminTest extends PluginTestCase {
	private function health(): SiteHealth {
		$trouble = new Trouble( $this->outbox, $this->spool(), $this->dispatcher(), $this->clock );
		return new SiteHealth( $this->config, new Sender( $this->config ), $trouble, new Checks( $this->config, new Sender( $this->config ), $trouble, new BackendClock( $this->clock ) ) );
	}

	public function test_site_health_looks_at_all_on_which_sending_depends_and_says_which_of_it_is_wrong(): void {
		wp_clear_scheduled_hook( Trigger::CRON_HOOK );
		wp_schedule_event( time(), Trigger::CRON_SCHEDULE, Trigger::CRON_HOOK );
		$tests = $this->health()->tests( array() );
		$this->assertSame( array( 'configuration', 'writing', 'outbox', 'tls', 'clock', 'cron', 'loopback' ), array_map( static function ( $name ) {
			return substr( $name, strlen( 'pressferry_' ) );
		}, array_keys( $tests['direct'] ) ) );
		foreach ( $tests['direct'] as $name => $test ) {
			$found = $test['test']();
			$this->assertSame( array( $name, 'good' ), array( $found['test'], $found['status'] ), $found['description'] );
		}
		$this->assertSame( 'health-check-' . preg_replace( '/_/', '-', $tests['async'][ SiteHealth::CALLBACK ]['test'], 1 ), SiteHealth::AJAX, 'the name that Site Health calls' );
		$this->assertNotFalse( has_action( 'wp_ajax_' . SiteHealth::AJAX ) );

		$this->config->values['INGRESS_URL'] = 'http://203.0.113.10/ingest';
		$this->assertSame( 'recommended', $this->health()->check( 'tls' )['status'] );
		( new BackendClock( $this->clock ) )->learn( $this->clock->ms + 1200000, $this->clock->ms, $this->clock->ms );
		$this->assertStringContainsString( '1200 seconds', $this->health()->check( 'clock' )['description'] );
		wp_clear_scheduled_hook( Trigger::CRON_HOOK );
		$this->assertSame( 'recommended', $this->health()->check( 'cron' )['status'] );
		wp_schedule_event( time(), Trigger::CRON_SCHEDULE, Trigger::CRON_HOOK );
		$page = static function () {
			return FakeIngress::response( 200, '<html>' );
		};
		$this->assertSame( 'good', $tests['async'][ SiteHealth::CALLBACK ]['async_direct_test']()['status'] );
		add_filter( 'pre_http_request', $page, 99 );
		$this->assertSame( 'recommended', $tests['async'][ SiteHealth::CALLBACK ]['async_direct_test']()['status'], 'a page where the plugin should answer' );
		remove_filter( 'pre_http_request', $page, 99 );
		$fields = $this->health()->information( array() )['pressferry']['fields'];
		$this->assertSame( array( 0, 'recommended' ), array( $fields['events_pending']['value'], strtok( (string) $fields['check_clock']['value'], ':' ) ) );
	}

	public function test_the_check_that_asks_the_site_itself_answers_only_who_may_look(): void {
		$answer = static function (): string {
			add_filter( 'wp_doing_ajax', '__return_true' );
			add_filter( 'wp_die_ajax_handler', $stop = static function () {
				return static function (): void {
					throw new \RuntimeException( 'ended' );
				};
			} );
			ob_start();
			try {
				do_action( 'wp_ajax_' . SiteHealth::AJAX );
			} catch ( \RuntimeException $end ) {
				unset( $end );
			} finally {
				remove_filter( 'wp_doing_ajax', '__return_true' );
				remove_filter( 'wp_die_ajax_handler', $stop );
			}
			return (string) ob_get_clean();
		};
		wp_set_current_user( 1 );
		$this->assertStringNotContainsString( 'pressferry_callback', $answer(), 'without a nonce' );
		$_REQUEST['_wpnonce'] = wp_create_nonce( 'health-check-site-status' );
		$this->assertSame( array( true, 'pressferry_callback' ), array( json_decode( $answer() )->success, json_decode( $answer() )->data->test ) );
		wp_set_current_user( wp_insert_user( array( 'user_login' => 'h' . wp_generate_uuid4(), 'user_pass' => 'x', 'role' => 'editor' ) ) );
		$_REQUEST['_wpnonce'] = wp_create_nonce( 'health-check-site-status' );
		$this->assertFalse( json_decode( $answer() )->success );
		$_REQUEST = array();
		wp_set_current_user( 0 );
	}

	public function test_the_edit_screen_shows_what_came_from_outside_as_text(): void {
		$inbox = new Inbox( $this->clock );
		$inbox->store( array( 'result_id' => '3c5e1f0a-52d7-5b1e-9d43-0c8f2b7a6e10', 'request_id' => '', 'idempotency_key' => '', 'event_type' => 'post.published', 'object_ref' => '1', 'automation' => '<i>auto</i>', 'status' => 'succeeded', 'output' => array( 'summary' => '<script>alert(1)</script>', 'tags' => array( 'a', '<b>' ) ), 'error' => null, 'completed_at' => '2026-11-24T06:00:00.000Z' ), 1 );
		ob_start();
		( new ResultsBox( $inbox, $this->outbox ) )->render( get_post( 1 ) );
		$html = (string) ob_get_clean();
		$this->assertStringContainsString( '&lt;script&gt;', $html );
		$this->assertStringContainsString( 'succeeded', $html );
		foreach ( array( '<script>', '<i>', '<b>' ) as $markup ) {
			$this->assertStringNotContainsString( $markup, $html );
		}
	}

	public function test_site_health_names_what_is_missing_and_no_value(): void {
		$this->config->values['HMAC_SECRET'] = '';
		$health                              = $this->health();
		$this->assertSame( 'critical', $health->configuration()['status'] );
		$this->assertStringContainsString( 'PRESSFERRY_HMAC_SECRET', $health->configuration()['description'] );
		$this->config->values['HMAC_SECRET'] = self::SECRET;
		$this->assertSame( 'good', $health->configuration()['status'] );
		$this->assertStringNotContainsString( self::SECRET, (string) wp_json_encode( array( $health->configuration(), $health->information( array() ) ), JSON_UNESCAPED_UNICODE ) );
	}

	public function test_site_health_says_when_events_wait_for_longer_than_five_minutes(): void {
		$health = $this->health();
		$this->add_event();
		$this->assertSame( 'good', $health->outbox()['status'] );
		$this->clock->ms += 300001;
		$this->assertSame( 'recommended', $health->outbox()['status'] );
	}

	public function test_the_environment_goes_before_the_option(): void {
		update_option( 'pressferry_kid', 'from-option' );
		$config = new Config();
		$this->assertSame( array( 'from-option', 'option' ), array( $config->get( 'KID' ), $config->source( 'KID' ) ) );
		putenv( 'PRESSFERRY_KID=from-environment' );
		$this->assertSame( array( 'from-environment', 'environment' ), array( $config->get( 'KID' ), $config->source( 'KID' ) ) );
		putenv( 'PRESSFERRY_KID' );
		delete_option( 'pressferry_kid' );
		$this->assertSame( array( 'pressferry', 'default' ), array( $config->get( 'AUDIENCE' ), $config->source( 'AUDIENCE' ) ) );
	}

	public function test_a_secret_that_is_removed_verifies_nothing_more_also_if_every_request_loaded_it(): void {
		$read = new \ReflectionProperty( Config::class, 'read' );
		$read->setAccessible( true );
		$read->setValue( null, array() );
		update_option( 'pressferry_hmac_secret_previous', 'the former one', true );
		$this->assertSame( array( 'the former one' ), ( new Config() )->secrets() );
		delete_option( 'pressferry_hmac_secret_previous' );
		$this->assertSame( array(), ( new Config() )->secrets() );
		$this->assertFalse( wp_cache_get( 'pressferry_hmac_secret_previous', 'options' ), 'nor in a cache that outlives the request' );
	}

	public function test_the_issuer_is_the_home_url_as_it_is_stored_whatever_a_language_plugin_makes_of_it(): void {
		$stored   = ( new Config() )->get( 'ISSUER' );
		$language = static function ( $url ) {
			return $url . '/de';
		};
		add_filter( 'home_url', $language );
		add_filter( 'option_home', $language, 99 );
		$_SERVER['HTTPS'] = 'on';
		try {
			$this->assertSame( array( $stored, $stored . '/de/de' ), array( ( new Config() )->get( 'ISSUER' ), str_replace( 'https:', 'http:', home_url() ) ) );
		} finally {
			unset( $_SERVER['HTTPS'] );
			remove_filter( 'home_url', $language );
			remove_filter( 'option_home', $language, 99 );
		}
	}

	public function test_site_health_does_not_say_that_all_is_well_where_the_host_may_not_be_called(): void {
		remove_all_filters( 'http_request_host_is_external' );
		$this->config->values['INGRESS_URL'] = 'https://10.0.0.7/ingest';
		$this->assertSame( 'critical', $this->health()->configuration()['status'] );
	}

	public function test_site_health_names_what_the_last_try_failed_of(): void {
		$this->add_event();
		$this->ingress->answers = array( self::problem( 'token_key_unknown', 401 ) );
		$this->dispatcher()->dispatch();
		$outbox = $this->health()->outbox();
		$this->assertSame( 'recommended', $outbox['status'] );
		$this->assertStringContainsString( 'token_key_unknown', $outbox['description'] );
	}

	public function test_a_key_file_that_php_may_not_read_is_called_that(): void {
		$empty = (string) tempnam( get_temp_dir(), 'key' );
		foreach ( array( 'not there' => '/nowhere/key.pem', 'a folder' => get_temp_dir(), 'empty' => $empty ) as $what => $path ) {
			update_option( 'pressferry_private_key_file', $path );
			$missing = implode( ' ', ( new Config() )->missing() );
			$this->assertStringContainsString( 'PRESSFERRY_PRIVATE_KEY_FILE', $missing, $what );
			$this->assertSame( 0, preg_match( '/PRESSFERRY_PRIVATE_KEY(?!_FILE)/', $missing ), $what );
		}
		delete_option( 'pressferry_private_key_file' );
		unlink( $empty );
	}
}
