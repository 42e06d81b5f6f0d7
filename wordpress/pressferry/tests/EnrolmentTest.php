<?php
namespace Pressferry\Tests;

use Pressferry\Admin\ConnectWords;
use Pressferry\Backend\Identity;
use Pressferry\Backend\Invitation;
use Pressferry\Backend\KeyPair;
use Pressferry\Backend\Reply;
use Pressferry\Config;

require_once ABSPATH . 'wp-admin/includes/admin.php';

final class EnrolmentTest extends ScenarioCase {
	const OPTIONS = array( 'results_url', 'enrolled_home', 'key_made_at', 'previous_until', 'hmac_secret_previous', 'audience', 'issuer' );

	protected function setUp(): void {
		parent::setUp();
		foreach ( array_merge( self::OPTIONS, array( 'site_id', 'kid', 'private_key', 'hmac_secret', 'ingress_url' ) ) as $name ) {
			delete_option( 'pressferry_' . $name );
		}
	}

	protected function tearDown(): void {
		foreach ( self::OPTIONS as $name ) {
			delete_option( 'pressferry_' . $name );
		}
		remove_all_filters( 'pre_option_home' );
		parent::tearDown();
	}

	private static function identity(): Identity {
		return self::part( 'identity' );
	}

	private static function token(): string {
		return 'pfe1_' . str_repeat( 'aB3-', 10 ) . 'xyz';
	}

	private static function invitation( string $text = '' ): Invitation {
		return Invitation::read( '' === $text ? self::token() . '@https://203.0.113.30' : $text, '', false );
	}

	private static function enrolled( array $members = array() ): array {
		$body = $members + array( 'site_id' => 'site-example', 'kid' => 'k-1', 'secret' => 'drawn by the backend', 'issuer' => Config::home(), 'audience' => 'pressferry', 'ingress_url' => 'https://203.0.113.10', 'results_url' => 'https://203.0.113.30' );
		return FakeIngress::response( 201, $body, array( 'content-type' => 'application/json' ) );
	}

	private static function problem( string $code, int $status, string $detail = '' ): array {
		return FakeIngress::response( $status, array( 'code' => $code, 'detail' => $detail ), array( 'content-type' => 'application/problem+json', 'date' => gmdate( 'D, d M Y H:i:s \G\M\T' ) ) );
	}

	/**
	 * The claims of a token; fails unless the PEM's private half signed it.
	 */
	private static function claims( string $jwt, string $public_key ): array {
		list( $head, $claims, $signature ) = explode( '.', $jwt );
		$decode                            = static function ( string $part ): string {
			return (string) base64_decode( strtr( $part, '-_', '+/' ) );
		};
		self::assertSame( 1, openssl_verify( "$head.$claims", $decode( $signature ), $public_key, OPENSSL_ALGO_SHA256 ) );
		return json_decode( $decode( $claims ), true );
	}

	public function test_a_site_makes_its_key_proves_it_and_keeps_what_it_is_told_sealed(): void {
		global $wpdb;
		$this->answer( self::enrolled() );
		$this->assertTrue( self::identity()->enrol( self::invitation() )['ok'] );
		$request = $this->ingress->requests[0];
		$body    = json_decode( $request['body'], true );
		$this->assertSame( array( 'https://203.0.113.30/enroll', self::token(), Config::home() ), array( $request['url'], $body['token'], $body['home_url'] ) );
		$this->assertStringEndsWith( 'pressferry/v1/results', rawurldecode( $body['callback_url'] ) );
		$claims = self::claims( $body['proof'], $body['public_key'] );
		$this->assertSame( array( Config::home(), hash( 'sha256', self::token() ), 'pressferry-enrolment' ), array( $claims['iss'], $claims['sub'], $claims['aud'] ) );

		$config = new Config();
		$this->assertSame( array( 'site-example', 'k-1', 'drawn by the backend', 'https://203.0.113.10/ingest', 'https://203.0.113.30' ), array( $config->get( 'SITE_ID' ), $config->get( 'KID' ), $config->get( 'HMAC_SECRET' ), $config->get( 'INGRESS_URL' ), $config->get( 'RESULTS_URL' ) ) );
		$this->assertSame( $body['public_key'], KeyPair::public_of( $config->get( 'PRIVATE_KEY' ) ) );
		$this->assertSame( array(), $config->missing() );
		$stored = (string) wp_json_encode( $wpdb->get_results( "SELECT option_value FROM {$wpdb->options} WHERE option_name LIKE '%pressferry%'", ARRAY_A ) );
		$this->assertStringNotContainsString( 'drawn by the backend', $stored );
		$this->assertStringNotContainsString( 'PRIVATE KEY', $stored );
		$this->assertStringNotContainsString( self::token(), $stored );
	}

	public function test_the_event_recorded_before_is_sent_after(): void {
		$id = $this->publish();
		$this->tick();
		$this->assertCount( 0, $this->ingress->requests );
		$this->answer( self::enrolled(), FakeIngress::accepted() );
		self::identity()->enrol( self::invitation() );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
	}

	public function test_an_answer_that_was_lost_is_asked_for_again_with_the_same_key(): void {
		$this->answer( new \WP_Error( 'http_request_failed', 'cURL error 28: Operation timed out' ), self::enrolled() );
		$this->assertSame( 'timed_out', self::identity()->enrol( self::invitation() )['code'] );
		$this->assertTrue( self::identity()->enrol( self::invitation() )['ok'] );
		$keys = array_map(
			static function ( $request ) {
				return json_decode( $request['body'], true )['public_key'];
			},
			$this->ingress->requests
		);
		$this->assertSame( $keys[0], $keys[1] );
	}

	public function test_a_wrong_clock_is_learnt_from_the_refusal_and_corrected_at_once(): void {
		$date    = gmdate( 'D, d M Y H:i:s \G\M\T', time() + 1200 );
		$refusal = FakeIngress::response( 401, array( 'code' => 'enrolment_proof_invalid' ), array( 'content-type' => 'application/problem+json', 'date' => $date ) );
		$this->answer( $refusal, self::enrolled() );
		$this->assertTrue( self::identity()->enrol( self::invitation() )['ok'] );
		$body   = json_decode( $this->ingress->requests[1]['body'], true );
		$claims = self::claims( $body['proof'], $body['public_key'] );
		$this->assertLessThan( 10, abs( $claims['iat'] - time() - 1200 ) );
	}

	public function test_each_kind_of_fault_is_told_with_its_own_remedy_and_nothing_is_stored(): void {
		$page  = FakeIngress::response( 200, '<html>' );
		$kinds = array(
			array( new \WP_Error( 'http_request_failed', 'cURL error 7: Failed to connect' ), 'cannot be reached' ),
			array( new \WP_Error( 'http_request_failed', 'cURL error 6: Could not resolve host: nowhere' ), 'no server of that name' ),
			array( new \WP_Error( 'http_request_failed', 'cURL error 60: SSL certificate problem: certificate has expired' ), 'certificate' ),
			array( new \WP_Error( 'http_request_failed', 'cURL error 28: Connection timed out' ), 'in time' ),
			array( $page, 'not the backend' ),
			array( FakeIngress::response( 404, '<html>' ), 'not the backend' ),
			array( self::problem( 'not_found', 404 ), 'not the backend' ),
			array( FakeIngress::response( 301, '', array( 'location' => 'https://other.example/' ) ), 'leads elsewhere' ),
			array( self::problem( 'enrolment_token_invalid', 401 ), 'expired' ),
			array( self::problem( 'enrolment_token_used', 409 ), 'used already' ),
			array( self::problem( 'enrolment_proof_invalid', 401 ), 'clock' ),
			array( self::problem( 'enrolment_refused', 422, 'the home URL leads to localhost' ), 'leads to localhost' ),
			array( self::problem( 'rate_limited_ip', 429 ), 'Wait a minute' ),
			array( self::problem( 'registry_unavailable', 503 ), 'still good' ),
		);
		$said  = array();
		foreach ( $kinds as list( $answer, $words ) ) {
			$this->answer( $answer );
			$outcome = self::identity()->enrol( self::invitation() );
			$this->assertFalse( $outcome['ok'] );
			$sentence = ConnectWords::failure( $outcome['code'], $outcome['detail'] );
			$this->assertStringContainsString( $words, $sentence );
			$said[] = $sentence;
			$this->assertSame( '', ( new Config() )->get( 'SITE_ID' ) );
		}
		$this->assertGreaterThan( 10, count( array_unique( $said ) ) );
	}

	public function test_what_is_pasted_is_read_with_care_and_refused_before_anything_is_sent(): void {
		$token = self::token();
		foreach ( array( "$token@https://b.example/", " $token@https://b.example ", "$token@https://b.example/enroll" ) as $text ) {
			$read = Invitation::read( $text, '', false );
			$this->assertSame( array( $token, 'https://b.example', '' ), array( $read->token, $read->url, $read->fault ) );
		}
		$this->assertSame( 'https://c.example', Invitation::read( $token, 'https://c.example', false )->url );
		$faults = array(
			array( 'pfe1_short', 'https://b.example', 'token_malformed' ),
			array( $token, '', 'url_missing' ),
			array( $token, 'b.example', 'url_malformed' ),
			array( $token, 'ftp://b.example', 'url_malformed' ),
			array( $token, 'http://b.example', 'url_insecure' ),
		);
		foreach ( $faults as list( $text, $url, $fault ) ) {
			$read = Invitation::read( $text, $url, false );
			$this->assertSame( $fault, $read->fault );
			$this->assertSame( $fault, self::identity()->enrol( $read )['code'] );
			$this->assertNotSame( $fault, ConnectWords::failure( $fault, '' ) );
		}
		$this->assertCount( 0, $this->ingress->requests );
	}

	public function test_enrolled_again_the_former_secret_still_verifies_pushes_for_a_day_and_no_longer(): void {
		$this->answer( self::enrolled(), self::enrolled( array( 'kid' => 'k-2', 'secret' => 'a second one' ) ) );
		self::identity()->enrol( self::invitation() );
		self::identity()->enrol( self::invitation( 'pfe1_' . str_repeat( 'Cd4_', 10 ) . 'xyz@https://203.0.113.30' ) );
		$config = new Config();
		$this->assertSame( array( 'a second one', 'drawn by the backend' ), $config->secrets() );
		update_option( 'pressferry_previous_until', (string) ( time() - 1 ) );
		$this->assertSame( array( 'a second one' ), $config->secrets() );
	}

	public function test_a_rotation_is_signed_by_the_former_key_and_proven_by_the_new_one(): void {
		$this->answer( self::enrolled() );
		self::identity()->enrol( self::invitation() );
		$former = KeyPair::public_of( ( new Config() )->get( 'PRIVATE_KEY' ) );
		$this->answer( FakeIngress::response( 200, array( 'kid' => 'k-new', 'secret' => 'new secret', 'former_valid_until' => '2026-11-25T00:00:00Z' ) ) );
		$this->assertTrue( self::identity()->rotate( true, true )['ok'] );
		$request = $this->ingress->requests[1];
		$this->assertSame( 'https://203.0.113.30/rotate', $request['url'] );
		$this->assertSame( 'site-example', self::claims( substr( $request['headers']['Authorization'], 7 ), $former )['sub'] );
		$this->assertSame( \Pressferry\Http\Signer::sign( $request['body'], 'drawn by the backend' ), $request['headers']['X-Signature'] );
		$key = json_decode( $request['body'], true )['key'];
		$this->assertSame( 'site-example', self::claims( $key['proof'], $key['public_key'] )['sub'] );
		$config = new Config();
		$this->assertSame( array( 'k-new', $key['public_key'], array( 'new secret', 'drawn by the backend' ) ), array( $config->get( 'KID' ), KeyPair::public_of( $config->get( 'PRIVATE_KEY' ) ), $config->secrets() ) );
	}

	public function test_a_copy_sends_and_polls_nothing_says_so_and_has_two_ways_out(): void {
		$this->answer( self::enrolled() );
		self::identity()->enrol( self::invitation() );
		update_option( 'pressferry_enrolled_home', 'https://the-original.example' );
		$config = new Config();
		$this->assertSame( 'https://the-original.example', $config->copy_of() );
		$id = $this->publish();
		$this->answer( FakeIngress::response( 200, array( 'status' => 'copy' ) ) );
		$this->tick();
		$this->assertSame( 'pending', $this->status( $id ) );
		$sent = array_slice( array_column( $this->ingress->requests, 'url' ), 1 );
		$this->assertSame( array( 'https://203.0.113.30/heartbeat' ), $sent, 'nothing but the word that it is a copy' );
		$said = json_decode( $this->ingress->requests[1]['body'], true );
		$this->assertSame( array( true, Config::home() ), array( $said['is_copy'], $said['home_url'] ) );
		$token = explode( '.', substr( $this->ingress->requests[1]['headers']['Authorization'], 7 ) );
		$this->assertSame( 'https://the-original.example', json_decode( (string) base64_decode( strtr( $token[1], '-_', '+/' ) ), true )['iss'] );
		$this->assertFalse( self::part( 'poll' )->poll()['ok'] );

		$this->answer( self::problem( 'site_request_refused', 422, 'it reported 3 minutes ago' ) );
		$refused = self::identity()->moved();
		$this->assertStringContainsString( 'reported 3 minutes ago', ConnectWords::failure( $refused['code'], $refused['detail'] ) );
		$this->answer( FakeIngress::response( 200, array( 'issuer' => Config::home() ) ), FakeIngress::accepted() );
		$this->assertTrue( self::identity()->moved()['ok'] );
		$this->assertSame( '', $config->copy_of() );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
	}

	public function test_a_copy_that_forgets_its_original_gives_up_its_events_but_keeps_its_own(): void {
		$theirs = $this->publish();
		$this->answer( self::enrolled() );
		update_option( 'pressferry_enrolled_home', 'https://the-original.example' );
		foreach ( array( 'site_id' => 'x', 'kid' => 'x', 'hmac_secret' => 'x', 'private_key' => PluginTestCase::vectors( 'keys' )['keys']['rs256']['private_key'], 'ingress_url' => 'https://203.0.113.10/ingest', 'results_url' => 'https://203.0.113.30' ) as $name => $value ) {
			update_option( 'pressferry_' . $name, $value );
		}
		global $wpdb;
		$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET occurred_at = occurred_at - 60000" );
		$this->tick();
		$own = $this->publish();
		$this->assertSame( 1, self::identity()->forget_original() );
		$this->assertSame( array( 'refused', 'pending' ), array( $this->status( $theirs ), $this->status( $own ) ) );
		$config = new Config();
		$this->assertSame( array( '', '', '' ), array( $config->get( 'SITE_ID' ), $config->get( 'PRIVATE_KEY' ), $config->get( 'HMAC_SECRET' ) ) );
	}

	public function test_a_disconnected_site_keeps_its_events_and_sends_them_when_it_is_connected_again(): void {
		$this->answer( self::enrolled() );
		$this->assertTrue( self::identity()->enrol( self::invitation() )['ok'] );
		$this->assertTrue( self::identity()->disconnect()['ok'] );
		$config = new Config();
		$this->assertSame( array( '', '', '', '' ), array( $config->get( 'SITE_ID' ), $config->get( 'PRIVATE_KEY' ), $config->get( 'HMAC_SECRET' ), $config->get( 'INGRESS_URL' ) ) );
		$id    = $this->publish();
		$asked = count( $this->ingress->requests );
		$this->tick();
		$this->assertSame( array( 'pending', $asked ), array( $this->status( $id ), count( $this->ingress->requests ) ) );

		$this->answer( self::enrolled(), FakeIngress::accepted() );
		$this->assertTrue( self::identity()->enrol( self::invitation() )['ok'] );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
	}

	public function test_a_key_pair_is_made_also_where_there_is_no_openssl_cnf(): void {
		if ( 'cli' !== PHP_SAPI || ! function_exists( 'proc_open' ) || false === getenv( 'PRESSFERRY_TEST_WORDPRESS' ) ) {
			$this->assertNotNull( KeyPair::make(), 'PHP in WebAssembly has none' );
			return;
		}
		// As WP-CLI loads WordPress: without what only the dashboard has.
		$code = sprintf( '$_SERVER["HTTP_HOST"] = "site.example"; require %s; $pair = Pressferry\Backend\KeyPair::make(); echo null === $pair ? "none" : substr( $pair[1], 0, 26 );', var_export( __DIR__ . '/support/native.php', true ) );
		exec( 'OPENSSL_CONF=/nowhere/openssl.cnf ' . escapeshellarg( PHP_BINARY ) . ' -r ' . escapeshellarg( $code ), $printed );
		$this->assertSame( '-----BEGIN PUBLIC KEY-----', implode( "\n", $printed ) );
	}

	public function test_a_reply_is_the_backends_only_if_it_is_one_of_its_own(): void {
		$this->assertSame( 'not_the_backend', Reply::of( FakeIngress::response( 401, '{"code":"site_unknown"}' ) )->code );
		$this->assertSame( 'not_the_backend', Reply::of( FakeIngress::response( 200, 'null' ) )->code );
		$this->assertTrue( Reply::of( FakeIngress::response( 200, "\xEF\xBB\xBF{}" ) )->ok() );
	}
}
