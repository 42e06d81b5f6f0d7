<?php
namespace Pressferry\Tests;

use Pressferry\Outbox\Backoff;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Schema;
use Pressferry\State\Breaker;
use Pressferry\State\DispatchLock;
use Pressferry\State\State;

final class DispatcherTest extends PluginTestCase {
	private static function jwt_part( array $request, int $part ): array {
		$token = explode( '.', substr( $request['headers']['Authorization'], strlen( 'Bearer ' ) ) );
		return json_decode( base64_decode( strtr( $token[ $part ], '-_', '+/' ) ), true );
	}

	public function test_an_accepted_event_is_sent_once_and_keeps_the_request_id(): void {
		$key    = $this->add_event();
		$counts = $this->dispatcher()->dispatch();
		$this->assertSame( 1, $counts['accepted'] );
		$this->dispatcher()->dispatch();
		$this->assertCount( 1, $this->ingress->requests );
		$row = $this->row( $key );
		$this->assertSame( array( 'sent', '6978440a-03a1-535b-93bf-4c3d1468f01b', '202' ), array( $row['status'], $row['request_id'], (string) $row['last_status'] ) );
	}

	public function test_a_try_carries_what_the_wire_demands(): void {
		$key = $this->add_event( '17', array( 'title' => 'Fähre' ) );
		$this->dispatcher()->dispatch();
		$request = $this->ingress->requests[0];
		$this->assertSame( 'https://203.0.113.10/ingest', $request['url'] );
		$this->assertSame( 'application/json', $request['headers']['Content-Type'] );
		$this->assertSame( $key, $request['headers']['X-Idempotency-Key'] );
		$this->assertSame( 'sha256=' . hash_hmac( 'sha256', $request['body'], self::SECRET ), $request['headers']['X-Signature'] );
		$this->assertSame( array( 0, 5.0, 65536 ), array( $request['redirection'], $request['timeout'], $request['limit_response_size'] ) );
		$body = json_decode( $request['body'], true );
		$this->assertSame( array( 'event_type', 'object_ref', 'idempotency_key', 'occurred_at', 'sent_at', 'data' ), array_keys( $body ) );
		$this->assertSame( '2026-11-24T06:00:00.000Z', $body['sent_at'] );
		$claims = self::jwt_part( $request, 1 );
		$this->assertSame( array( 'https://harbour.example', 'harbour', 'pressferry', 1795500000, 1795500300 ), array( $claims['iss'], $claims['sub'], $claims['aud'], $claims['iat'], $claims['exp'] ) );
		$this->assertSame( array( 'alg' => 'RS256', 'typ' => 'JWT', 'kid' => 'rsa-1' ), self::jwt_part( $request, 0 ) );
	}

	public function test_a_retry_resends_the_frozen_bytes_and_the_key_with_a_fresh_token_and_sent_at(): void {
		$this->add_event();
		$this->ingress->answers = array( FakeIngress::response( 503 ), FakeIngress::accepted() );
		$this->dispatcher()->dispatch();
		$this->clock->ms += Backoff::window_ms( 1 );
		$this->dispatcher()->dispatch();
		list( $first, $second ) = $this->ingress->requests;
		$without                = '/"sent_at":"[^"]+",/';
		$this->assertSame( preg_replace( $without, '', $first['body'] ), preg_replace( $without, '', $second['body'] ) );
		$this->assertSame( $first['headers']['X-Idempotency-Key'], $second['headers']['X-Idempotency-Key'] );
		$this->assertNotSame( $first['body'], $second['body'], 'sent_at is fresh' );
		$this->assertNotSame( self::jwt_part( $first, 1 )['jti'], self::jwt_part( $second, 1 )['jti'] );
	}

	public function test_every_try_of_an_event_is_in_the_trace_that_its_key_names(): void {
		$key                    = $this->add_event();
		$this->ingress->answers = array( FakeIngress::response( 503 ), FakeIngress::accepted() );
		$this->dispatcher()->dispatch();
		$this->clock->ms += Backoff::window_ms( 1 );
		$this->dispatcher()->dispatch();
		list( $first, $second ) = array_column( array_column( $this->ingress->requests, 'headers' ), 'traceparent' );
		$form                   = '/^00-' . str_replace( '-', '', $key ) . '-[0-9a-f]{16}-01$/';
		$this->assertMatchesRegularExpression( $form, $first );
		$this->assertMatchesRegularExpression( $form, $second );
		$this->assertNotSame( $first, $second );
	}

	public function test_a_site_gives_its_own_trace_or_none_and_sends_no_header_that_is_not_one(): void {
		$own = '00-' . str_repeat( 'a', 32 ) . '-' . str_repeat( 'b', 16 ) . '-00';
		foreach ( array( $own => $own, '' => null, "$own\r\nX-Evil: 1" => null ) as $given => $sent ) {
			add_filter( 'pressferry_traceparent', static function () use ( $given ) {
				return $given;
			} );
			$this->add_event( md5( $given ) );
			$this->dispatcher()->dispatch();
			$this->assertSame( $sent, end( $this->ingress->requests )['headers']['traceparent'] ?? null );
			remove_all_filters( 'pressferry_traceparent' );
		}
	}

	public function test_a_time_out_is_told_from_other_faults_of_the_network(): void {
		foreach ( array( 'cURL error 28: Connection timed out' => 'timed_out', 'cURL error 7: Connection refused' => 'network_error' ) as $message => $code ) {
			Breaker::reset();
			$key                    = $this->add_event( $code );
			$this->ingress->answers = array( new \WP_Error( 'http_request_failed', $message ) );
			$this->dispatcher()->dispatch();
			$this->assertSame( array( 'pending', $code ), array( $this->row( $key )['status'], $this->row( $key )['last_error'] ) );
		}
	}

	public function test_after_four_tries_an_event_is_dead_kept_and_can_be_driven_again(): void {
		$key                    = $this->add_event();
		$this->ingress->answers = array( FakeIngress::response( 500 ) );
		for ( $tries = 1; $tries <= 4; $tries++ ) {
			$before = $this->clock->ms;
			$this->dispatcher()->dispatch();
			$row = $this->row( $key );
			if ( $tries < 4 ) {
				$this->assertSame( array( 'pending', (string) $tries ), array( $row['status'], (string) $row['attempts'] ) );
				$this->assertGreaterThanOrEqual( $before, (int) $row['next_attempt_at'] );
				$this->assertLessThanOrEqual( $before + Backoff::window_ms( $tries ), (int) $row['next_attempt_at'] );
			}
			$this->clock->ms += Backoff::window_ms( 3 );
		}
		$this->assertSame( array( 'dead', '4', '500' ), array( $row['status'], (string) $row['attempts'], (string) $row['last_status'] ) );
		$this->assertCount( 4, $this->ingress->requests );
		$this->ingress->answers = array( FakeIngress::accepted() );
		$this->assertSame( 1, $this->dispatcher()->redrive() );
		$this->dispatcher()->dispatch();
		$this->assertSame( array( 'sent', $key ), array( $this->row( $key )['status'], json_decode( $this->ingress->requests[4]['body'], true )['idempotency_key'] ) );
	}

	public function test_a_row_whose_process_died_four_times_is_not_tried_for_ever(): void {
		$key = $this->add_event();
		for ( $tries = 1; $tries <= 4; $tries++ ) {
			$row = $this->outbox->claim( 1 )[0];
			$this->outbox->begin_try( $row, $this->clock->ms );
			$this->clock->ms += Outbox::LEASE_MS;
		}
		$this->dispatcher()->dispatch();
		$this->assertCount( 0, $this->ingress->requests );
		$this->assertSame( array( 'dead', 'lease_expired' ), array( $this->row( $key )['status'], $this->row( $key )['last_error'] ) );
	}

	public function test_retry_after_holds_back_the_whole_outbox(): void {
		$this->add_event( 'a' );
		$this->add_event( 'b' );
		$this->ingress->answers = array( self::problem( 'rate_limited_site', 429, array( 'retry-after' => '120' ) ), FakeIngress::accepted() );
		$this->dispatcher()->dispatch();
		$this->clock->ms += 119000;
		$this->dispatcher()->dispatch();
		$this->assertCount( 1, $this->ingress->requests );
		$this->clock->ms += 30000;
		$this->dispatcher()->dispatch();
		$this->assertCount( 3, $this->ingress->requests );
	}

	public function test_a_backend_that_is_down_costs_two_tries_per_dispatch_not_ten(): void {
		for ( $i = 0; $i < 8; $i++ ) {
			$this->add_event( "ref-$i" );
		}
		$this->ingress->answers = array( new \WP_Error( 'http_request_failed', 'cURL error 7: Connection refused' ) );
		$counts                 = $this->dispatcher()->dispatch();
		$this->assertSame( array( 2, 6 ), array( $counts['retrying'], $counts['released'] ) );
		$attempts = array_map( function ( $i ) {
			return (int) $this->outbox->find( 'object_ref', "ref-$i" )[0]['attempts'];
		}, range( 0, 7 ) );
		$this->assertSame( array( 1, 1, 0, 0, 0, 0, 0, 0 ), $attempts, 'what was not sent was not counted' );
	}

	public function test_without_a_whole_configuration_events_wait(): void {
		$faults = array(
			array( 'SITE_ID' => '' ),
			array( 'PRIVATE_KEY' => 'no key' ),
			array( 'INGRESS_URL' => 'http://ingress.example/ingest' ),
			array( 'INGRESS_URL' => 'ftp://ingress.example/ingest', 'INSECURE' => '1' ),
		);
		foreach ( $faults as $fault ) {
			$this->config = new FakeConfig( $fault );
			$key          = $this->add_event();
			$this->dispatcher()->dispatch();
			$this->assertSame( array( 'pending', '0' ), array( $this->row( $key )['status'], (string) $this->row( $key )['attempts'] ), json_encode( $fault ) );
		}
		$this->assertCount( 0, $this->ingress->requests );
		$this->assertSame( array(), $this->dispatcher()->breaker()->trouble() );
	}

	public function test_private_hosts_are_refused_unless_they_are_allowed(): void {
		// Playground allows them all by this filter.
		remove_all_filters( 'http_request_host_is_external' );
		$this->config->values['INGRESS_URL'] = 'https://10.0.0.7:8443/ingest';
		$key                                 = $this->add_event();
		$this->dispatcher()->dispatch();
		$this->assertCount( 0, $this->ingress->requests );
		$this->assertSame( array( 'pending', 'url_not_allowed' ), array( $this->row( $key )['status'], $this->row( $key )['last_error'] ) );
		$this->config->values['ALLOW_PRIVATE_HOSTS'] = '1';
		$this->clock->ms                            += Backoff::window_ms( 1 );
		$this->dispatcher()->dispatch();
		$this->assertSame( 'sent', $this->row( $key )['status'] );
	}

	public function test_a_public_host_may_listen_on_any_port(): void {
		$this->config->values['INGRESS_URL'] = 'https://203.0.113.10:8443/ingest';
		$key                                 = $this->add_event();
		$this->dispatcher()->dispatch();
		$this->assertSame( 'sent', $this->row( $key )['status'] );
	}

	public function test_while_one_process_sends_no_other_does(): void {
		$this->add_event( 'a' );
		$this->add_event( 'b' );
		$lock = self::another_process();
		$this->assertSame( 1, $this->dispatcher()->dispatch()['busy'] );
		$this->assertCount( 0, $this->ingress->requests );
		$lock();
		$this->dispatcher()->dispatch();
		$this->assertCount( 2, $this->ingress->requests );
	}

	public function test_a_database_that_goes_away_while_events_are_sent_costs_none_and_sends_none_twice(): void {
		global $wpdb;
		if ( ! $wpdb->dbh instanceof \mysqli ) {
			$this->markTestSkipped( 'SQLite has no connection that could go away' );
		}
		$keys = array( $this->add_event( 'a' ), $this->add_event( 'b' ), $this->add_event( 'c' ) );
		$away = static function ( $pre ) use ( $wpdb, &$away ) {
			remove_filter( 'pre_http_request', $away, 1 );
			$wpdb->suppress_errors( true );
			$wpdb->query( 'KILL CONNECTION_ID()' );
			$wpdb->suppress_errors( false );
			return $pre;
		};
		add_filter( 'pre_http_request', $away, 1 );
		$this->dispatcher()->dispatch();
		$this->dispatcher()->dispatch();
		foreach ( $keys as $key ) {
			$this->assertSame( 'sent', $this->row( $key )['status'] );
		}
		$this->assertCount( 3, $this->ingress->requests );
	}

	public function test_a_lock_dies_with_the_process_that_held_it(): void {
		if ( ! isset( $GLOBALS['wpdb']->dbh ) || ! $GLOBALS['wpdb']->dbh instanceof \mysqli ) {
			$this->markTestSkipped( 'SQLite has no locks that die with a connection: a lease stands in' );
		}
		$key = $this->add_event();
		// The end of the connection is all that the database sees of a process that was killed.
		self::another_process( true )();
		$this->dispatcher()->dispatch();
		$this->assertSame( 'sent', $this->row( $key )['status'] );
	}

	public function test_a_visitors_process_asks_the_database_little_after_its_answer(): void {
		$queries = array();
		add_filter( 'query', $count = static function ( $sql ) use ( &$queries ) {
			$queries[] = $sql;
			return $sql;
		} );
		$this->add_event();
		$queries = array();
		$this->dispatcher()->dispatch( false );
		$this->assertLessThanOrEqual( 14, count( $queries ), implode( "\n", $queries ) );
		remove_filter( 'query', $count );
	}

	public function test_an_event_recorded_while_the_lock_was_still_held_is_sent_by_who_held_it(): void {
		$first = $this->add_event( 'first' );
		$late  = '';
		add_filter( 'query', $filter = function ( $sql ) use ( &$late ) {
			if ( '' === $late && false !== strpos( $sql, 'RELEASE_LOCK' ) || '' === $late && preg_match( '/UPDATE .*_pressferry_dispatcher/s', $sql ) ) {
				$late = 'taken';
				$late = $this->add_event( 'late' );
			}
			return $sql;
		} );
		$this->dispatcher()->dispatch();
		remove_filter( 'query', $filter );
		$this->assertSame( array( 'sent', 'sent' ), array( $this->row( $first )['status'], $this->row( $late )['status'] ) );
	}

	/**
	 * Takes the dispatcher's lock as another process would.
	 *
	 * @return callable(): void Ends that process.
	 */
	private static function another_process( bool $killed = false ): callable {
		global $wpdb;
		if ( ! isset( $wpdb->dbh ) || ! $wpdb->dbh instanceof \mysqli ) {
			State::put( DispatchLock::STATE, ( ( new FakeClock() )->ms + DispatchLock::LEASE_MS ) . ':another' );
			return static function (): void {
				State::forget( DispatchLock::STATE );
			};
		}
		list( $host, $port ) = explode( ':', DB_HOST );
		$other               = new \mysqli( $host, DB_USER, DB_PASSWORD, DB_NAME, (int) $port );
		$name                = 'pressferry.' . md5( DB_NAME . '.' . Schema::outbox() );
		$other->query( "SELECT GET_LOCK('$name', 0)" );
		return static function () use ( $other, $name, $killed ): void {
			if ( ! $killed ) {
				$other->query( "DO RELEASE_LOCK('$name')" );
			}
			$other->close();
			// The server hears of it in its own time.
			for ( $deadline = microtime( true ) + 5; microtime( true ) < $deadline && '1' !== $GLOBALS['wpdb']->get_var( "SELECT IS_FREE_LOCK('$name')" ); ) {
				usleep( 1000 );
			}
		};
	}
}
