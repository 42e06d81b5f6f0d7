<?php
namespace Pressferry\Tests;

use Pressferry\Admin\Area;
use Pressferry\Admin\Remedies;
use Pressferry\Callback\Inbox;
use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Contract\Wire;
use Pressferry\Events\Sources;
use Pressferry\Outbox\Schema;
use Pressferry\Secrets;
use Pressferry\Uuid;

require_once ABSPATH . 'wp-admin/includes/admin.php';

final class AdminScreenTest extends ScenarioCase {
	protected function setUp(): void {
		parent::setUp();
		wp_set_current_user( 1 );
		set_current_screen( 'settings_page_pressferry' );
	}

	protected function tearDown(): void {
		$_GET     = array();
		$_POST    = array();
		$_REQUEST = array();
		unset( $GLOBALS['current_screen'] );
		wp_set_current_user( 0 );
		Schema::switch_off( array() );
		delete_option( 'pressferry_delete_data' );
		remove_all_filters( 'wp_die_handler' );
		remove_all_filters( 'wp_redirect' );
		parent::tearDown();
	}

	private static function area(): Area {
		return self::hooked( 'admin_menu', Area::class );
	}

	private static function screen(): \Pressferry\Admin\Screen {
		$screen = new \ReflectionMethod( Area::class, 'screen' );
		$screen->setAccessible( true );
		return $screen->invoke( self::area() );
	}

	private function page( string $tab, array $more = array() ): string {
		$_GET = array( 'page' => 'pressferry', 'tab' => $tab ) + $more;
		ob_start();
		self::screen()->render();
		return (string) ob_get_clean();
	}

	/**
	 * Sends a form of the screen.
	 *
	 * @return string Where it leads, or what WordPress said when it refused.
	 */
	private function submit( string $tab, array $fields, bool $nonce = true ): string {
		$_POST    = wp_slash( $fields + array( 'action' => 'pressferry', 'tab' => $tab, '_wpnonce' => $nonce ? wp_create_nonce( 'pressferry-' . $tab ) : 'x' ) );
		$_REQUEST = $_POST;
		$stop     = static function ( $text ) {
			throw new \RuntimeException( is_string( $text ) ? $text : 'refused' );
		};
		add_filter( 'wp_die_handler', static function () use ( $stop ) {
			return $stop;
		} );
		add_filter( 'wp_redirect', $stop );
		try {
			self::screen()->act();
		} catch ( \RuntimeException $end ) {
			return $end->getMessage();
		}
		return '';
	}

	private function said( string $url ): string {
		wp_parse_str( (string) wp_parse_url( $url, PHP_URL_QUERY ), $query );
		return $this->page( $query['tab'], array( 'said' => $query['said'] ) );
	}

	public function test_settings_are_stored_not_autoloaded_and_secrets_sealed_and_shown_to_nobody(): void {
		global $wpdb;
		$pem = PluginTestCase::vectors( 'keys' )['keys']['rs256']['private_key'];
		$url = $this->submit( 'settings', array( 'INGRESS_URL' => 'https://203.0.113.20/ingest', 'SITE_ID' => 'island', 'KID' => 'k-2', 'PRIVATE_KEY' => $pem, 'HMAC_SECRET' => 'a secret – Œuvre', 'sources' => array_keys( Sources::labels() ) ) );
		$this->assertStringContainsString( 'said=saved', $url );
		$config = new Config();
		$this->assertSame( array( 'island', 'k-2', 'a secret – Œuvre', trim( $pem ) ), array( $config->get( 'SITE_ID' ), $config->get( 'KID' ), $config->get( 'HMAC_SECRET' ), $config->get( 'PRIVATE_KEY' ) ) );
		$stored = $wpdb->get_results( "SELECT option_name, option_value, autoload FROM {$wpdb->options} WHERE option_name LIKE 'pressferry\\_%' AND option_name <> 'pressferry_schema'", ARRAY_A );
		$this->assertCount( 0, array_filter( $stored, static function ( $row ) {
			return in_array( $row['autoload'], array( 'yes', 'on', 'auto', 'auto-on' ), true );
		} ) );
		$clear = (string) wp_json_encode( $stored, JSON_UNESCAPED_UNICODE );
		$this->assertStringNotContainsString( 'Œuvre', $clear );
		$this->assertStringNotContainsString( 'PRIVATE KEY', $clear );
		$page = $this->page( 'settings' );
		$this->assertStringContainsString( 'island', $page );
		foreach ( array( 'Œuvre', 'PRIVATE KEY-----', Secrets::MARK ) as $secret ) {
			$this->assertStringNotContainsString( $secret, $page );
		}
	}

	public function test_an_empty_field_keeps_a_secret_and_a_box_removes_it(): void {
		$this->submit( 'settings', array( 'HMAC_SECRET' => 'kept', 'HMAC_SECRET_PREVIOUS' => 'former' ) );
		$this->submit( 'settings', array( 'SITE_ID' => 'x', 'remove_HMAC_SECRET_PREVIOUS' => '1' ) );
		$config = new Config();
		$this->assertSame( array( 'kept', '' ), array( $config->get( 'HMAC_SECRET' ), $config->get( 'HMAC_SECRET_PREVIOUS' ) ) );
	}

	public function test_a_key_that_cannot_sign_is_not_stored_and_nothing_else_either(): void {
		$url = $this->submit( 'settings', array( 'SITE_ID' => 'new', 'PRIVATE_KEY' => 'no key' ) );
		$this->assertStringContainsString( 'Nothing was saved', $this->said( $url ) );
		$this->assertSame( 'harbour', ( new Config() )->get( 'SITE_ID' ) );
	}

	public function test_a_secret_sealed_with_other_salts_is_called_that_and_not_missing(): void {
		update_option( 'pressferry_hmac_secret', Secrets::MARK . base64_encode( random_bytes( 60 ) ) );
		$this->assertStringContainsString( 'former salts', $this->page( 'status' ) );
	}

	public function test_sources_are_switched_off_by_their_boxes(): void {
		$this->submit( 'settings', array( 'sources' => array( 'posts', 'cf7' ) ) );
		$off = Schema::sources_off();
		$this->assertFalse( in_array( 'posts', $off, true ) );
		$this->assertTrue( in_array( 'comments', $off, true ) );
	}

	public function test_what_leaves_is_chosen_on_its_tab_and_only_by_who_may(): void {
		$this->assertStringContainsString( 'value="customer.email"', $this->page( 'fields' ) );
		$fields = array( 'fields' => array( 'post.published' => array( 'content' ) ) );
		$this->submit( 'fields', $fields, false );
		$this->assertSame( array(), Schema::fields() );
		$this->assertStringContainsString( 'what would leave now', $this->said( $this->submit( 'fields', $fields ) ) );
		$this->assertSame( array( 'content' ), Schema::fields()['post.published'] );
		Schema::allow( array() );
	}

	public function test_nobody_without_the_right_or_the_nonce_changes_anything(): void {
		$this->submit( 'settings', array( 'SITE_ID' => 'forged' ), false );
		$user = wp_insert_user( array( 'user_login' => 'e' . wp_generate_uuid4(), 'user_pass' => 'x', 'role' => 'editor' ) );
		wp_set_current_user( $user );
		$this->submit( 'settings', array( 'SITE_ID' => 'forged' ) );
		$this->assertSame( 'harbour', ( new Config() )->get( 'SITE_ID' ) );
		$this->assertSame( '', $this->page( 'settings' ) );
	}

	public function test_the_test_event_says_that_it_works_though_the_backend_knows_no_such_type(): void {
		$this->answer( FakeIngress::response( 422, array( 'code' => 'event_type_unknown' ), array( 'content-type' => 'application/problem+json' ) ) );
		$this->assertStringContainsString( 'It works', $this->said( $this->submit( 'status', array( 'test' => '1' ) ) ) );
		$this->assertSame( 'pressferry.test', json_decode( $this->ingress->requests[0]['body'], true )['event_type'] );
		$this->assertCount( 0, $this->rows(), 'it never was in the outbox' );
		$this->answer( FakeIngress::response( 401, array( 'code' => 'signature_mismatch' ), array( 'content-type' => 'application/problem+json' ) ) );
		$this->assertStringContainsString( 'The secret is not the one that the backend has', $this->said( $this->submit( 'status', array( 'test' => '1' ) ) ) );
		$this->answer( FakeIngress::response( 200, '<html>' ) );
		$this->assertStringContainsString( 'not taken', $this->said( $this->submit( 'status', array( 'test' => '1' ) ) ) );
	}

	public function test_a_test_event_with_a_wrong_clock_works_at_once(): void {
		$this->answer( new StrictIngress( 46800 ) );
		$this->assertStringContainsString( 'took the test event', $this->said( $this->submit( 'status', array( 'test' => '1' ) ) ) );
		$this->assertCount( 2, $this->ingress->requests );
	}

	public function test_the_log_lists_finds_filters_and_sends_again(): void {
		$this->answer( FakeIngress::response( 422, array( 'code' => 'data_invalid' ), array( 'content-type' => 'application/problem+json' ) ), FakeIngress::accepted() );
		$refused = $this->publish();
		$sent    = $this->publish();
		$this->tick();
		$page = $this->page( 'log' );
		$this->assertStringContainsString( '<code>data_invalid</code>', $page );
		$this->assertStringContainsString( 'look at the filters', $page );
		$page = $this->page( 'log', array( 'status' => 'sent' ) );
		$this->assertStringNotContainsString( '<code>data_invalid</code>', $page );
		$this->assertStringContainsString( ">$sent<", $page );
		$this->assertStringContainsString( 'There is no such event', $this->page( 'log', array( 's' => 'nothing' ) ) );
		$this->assertStringContainsString( ">$refused<", $this->page( 'log', array( 's' => (string) $refused ) ) );
		$id = $this->rows( "object_ref = '$refused'" )[0]['id'];
		$this->submit( 'log', array( 'do' => 'retry', 'ids' => array( $id ) ) );
		$this->assertSame( 'sent', $this->status( $refused ) );
		$this->submit( 'log', array( 'do' => 'retry', 'ids' => array( $this->rows( "object_ref = '$sent'" )[0]['id'] ) ) );
		$this->assertCount( 3, $this->ingress->requests, 'what was sent is not sent again' );
	}

	public function test_the_log_leads_to_the_results_of_each_event_also_where_there_is_no_post(): void {
		pressferry_record_event( 'ferry.departed', 'boat-7', array() );
		pressferry_record_event( 'ferry.departed', 'boat-8', array() );
		$key    = $this->rows( "object_ref = 'boat-7'" )[0]['idempotency_key'];
		$result = array( 'event_type' => 'ferry.departed', 'object_ref' => 'boat-7', 'automation' => 'tell <b>', 'status' => 'succeeded', 'error' => null, 'request_id' => '', 'completed_at' => gmdate( 'Y-m-d\TH:i:s.000\Z' ), 'idempotency_key' => $key );
		foreach ( array( 'It has left.', 'Again.' ) as $text ) {
			( new Inbox( new Clock() ) )->store( $result + array( 'result_id' => Uuid::v4(), 'output' => array( 'text' => $text ) ), 0 );
		}
		preg_match_all( '#href="([^"]+results=[^"]+)">Show (\d)#', $this->page( 'log' ), $links );
		$this->assertSame( array( '2' ), $links[2] );
		wp_parse_str( (string) wp_parse_url( html_entity_decode( $links[1][0] ), PHP_URL_QUERY ), $query );
		$page = $this->page( 'log', array( 'results' => $query['results'] ) );
		foreach ( array( 'boat-7', 'It has left.', 'Again.', 'tell &lt;b&gt;' ) as $text ) {
			$this->assertStringContainsString( $text, $page );
		}
		$this->assertStringContainsString( 'There is no such event', $this->page( 'log', array( 'results' => Uuid::v4() ) ) );
	}

	public function test_what_failed_looks_and_sounds_like_a_failure_and_is_told_to_the_one_who_tried(): void {
		$failures = array(
			array( 'connect', array( 'invitation' => 'x' ) ),
			array( 'settings', array( 'PRIVATE_KEY' => 'x' ) ),
			array( 'settings', array( 'INGRESS_URL' => 'ftp://x.example' ) ),
			array( 'settings', array( 'INGRESS_URL' => 'http://x.example' ) ),
			array( 'settings', array( 'RESULTS_URL' => 'x.example' ) ),
			array( 'log', array() ),
			array( 'status', array( 'test' => '1' ) ),
		);
		foreach ( $failures as list( $tab, $form ) ) {
			$this->answer( FakeIngress::response( 503, '' ) );
			$where = $this->submit( $tab, $form );
			$this->assertStringContainsString( '<div class="notice notice-error is-dismissible" role="alert">', $this->said( $where ), $tab );
			wp_set_current_user( wp_insert_user( array( 'user_login' => wp_generate_uuid4(), 'user_pass' => 'x', 'role' => 'administrator' ) ) );
			if ( in_array( $tab, array( 'connect', 'status' ), true ) ) {
				$this->assertStringNotContainsString( 'role="alert"', $this->said( $where ), 'another administrator has tried nothing' );
			}
			wp_set_current_user( 1 );
		}
		$this->answer( FakeIngress::accepted() );
		$this->assertStringContainsString( '<div class="notice notice-success is-dismissible" role="status">', $this->said( $this->submit( 'status', array( 'test' => '1' ) ) ) );
	}

	public function test_a_page_that_is_loaded_again_does_not_say_it_again_and_no_id_is_there_twice(): void {
		$_GET = array( 'page' => 'pressferry' );
		$this->assertTrue( in_array( 'said', apply_filters( 'removable_query_args', array() ), true ) );
		$_GET = array( 'page' => 'another' );
		$this->assertFalse( in_array( 'said', apply_filters( 'removable_query_args', array() ), true ) );
		foreach ( array( 'connect', 'status', 'settings', 'fields', 'log' ) as $tab ) {
			preg_match_all( '/ id="([^"]+)"/', $this->page( $tab ), $ids );
			$this->assertSame( $ids[1], array_values( array_unique( $ids[1] ) ), $tab );
		}
	}

	public function test_what_comes_from_outside_is_text_in_the_log(): void {
		pressferry_record_event( 'ferry.departed', '<script>alert(1)</script>', array() );
		$this->assertStringNotContainsString( '<script>alert', $this->page( 'log' ) );
	}

	public function test_every_code_that_can_stand_in_the_log_has_a_sentence_or_is_shown(): void {
		foreach ( array_merge( array_keys( Wire::REACTIONS ), array( 'timed_out', 'http_404', 'challenged', 'redirected', '' ) ) as $code ) {
			$this->assertTrue( '' === $code || '' !== Remedies::of( $code ), $code );
		}
		$this->assertStringContainsString( 'proxy', Remedies::of( 'http_404' ) );
	}
}
