<?php
namespace Pressferry\Tests;

use Pressferry\Admin\Area;
use Pressferry\Cli\Command;
use Pressferry\Cli\OutboxCommand;
use Pressferry\Clock;
use Pressferry\Outbox\Log;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Schema;

require_once __DIR__ . '/support/FakeCli.php';

final class CliTest extends ScenarioCase {
	protected function setUp(): void {
		parent::setUp();
		\WP_CLI::$lines     = array();
		\WP_CLI::$confirmed = array();
	}

	private static function made( string $name ): object {
		$area   = self::hooked( 'admin_menu', Area::class );
		$method = new \ReflectionMethod( Area::class, $name );
		$method->setAccessible( true );
		return $method->invoke( $area );
	}

	/**
	 * @return int The exit code.
	 */
	private static function wp( string $command, array $args = array(), array $options = array() ): int {
		$words = explode( ' ', $command );
		$of    = 'outbox' === $words[0] ? new OutboxCommand( new Log( new Clock() ), new Outbox( new Clock() ), self::made( 'network_command' ) ) : new Command( self::made( 'checks' ), self::part( 'outbox' ), self::part( 'dispatcher' ), self::made( 'test' ), self::made( 'network_command' ) );
		try {
			$of->{ end( $words ) }( $args, $options );
		} catch ( \RuntimeException $exit ) {
			return $exit->getCode();
		}
		return 0;
	}

	private static function printed(): string {
		$text            = implode( "\n", \WP_CLI::$lines );
		\WP_CLI::$lines = array();
		return $text;
	}

	public function test_status_counts_events_and_names_the_last_fault(): void {
		$this->publish();
		$this->publish();
		$this->answer( FakeIngress::response( 503, '' ) );
		$this->tick();
		$this->assertSame( 0, self::wp( 'status', array(), array( 'format' => 'json' ) ) );
		$status = json_decode( self::printed(), true );
		$this->assertSame( array( 2, 'http_503' ), array( $status['events']['pending'], $status['last_fault'] ) );
		self::wp( 'status' );
		$this->assertMatchesRegularExpression( '/pending\s+2\n.*Warning: .*http_503/s', self::printed() );
	}

	public function test_a_site_alone_is_no_network(): void {
		if ( is_multisite() ) {
			$this->markTestSkipped( 'this WordPress is a network' );
		}
		foreach ( array( 'status', 'dispatch', 'doctor', 'outbox list', 'outbox retry' ) as $command ) {
			$this->assertSame( 1, self::wp( $command, array(), array( 'network' => true ) ) );
			$this->assertStringContainsString( 'not a network', self::printed() );
		}
	}

	public function test_test_ends_with_1_when_the_backend_does_not_accept_the_site(): void {
		$this->assertSame( 0, self::wp( 'test' ) );
		$this->assertStringContainsString( 'Success: ', self::printed() );
		$this->answer( FakeIngress::response( 401, array( 'code' => 'site_unknown' ), array( 'content-type' => 'application/problem+json' ) ) );
		$this->assertSame( 1, self::wp( 'test' ) );
		$this->assertStringContainsString( 'Error: The test event was not taken. The backend knows no site with this id', self::printed() );
		$this->assertSame( 1, self::wp( 'test', array(), array( 'format' => 'json' ) ) );
		$verdict = json_decode( self::printed(), true );
		$this->assertSame( array( false, 'site_unknown', 401 ), array( $verdict['ok'], $verdict['code'], $verdict['status'] ) );
	}

	public function test_dispatch_sends_what_is_due_and_with_all_what_waits_too(): void {
		$this->publish();
		$this->answer( FakeIngress::response( 503, '' ), FakeIngress::accepted() );
		$this->tick();
		self::wp( 'dispatch' );
		$this->assertStringContainsString( 'Nothing was due', self::printed() );
		self::wp( 'dispatch', array(), array( 'all' => true, 'format' => 'json' ) );
		$this->assertSame( 1, json_decode( self::printed(), true )['accepted'] );
	}

	public function test_doctor_ends_with_1_where_something_is_broken(): void {
		$this->assertSame( 0, self::wp( 'doctor' ) );
		$this->assertStringContainsString( 'settings', self::printed() );
		delete_option( 'pressferry_kid' );
		$this->assertSame( 1, self::wp( 'doctor', array(), array( 'format' => 'json' ) ) );
		$checks = json_decode( self::printed(), true );
		$this->assertSame( 'critical', $checks['settings']['status'] );
		$this->assertStringContainsString( 'PRESSFERRY_KID', $checks['settings']['text'] );
	}

	public function test_outbox_list_filters_and_counts_and_refuses_what_is_no_status(): void {
		$this->publish();
		$id = $this->publish();
		$this->assertSame( 0, self::wp( 'outbox list', array(), array( 'format' => 'count' ) ) );
		$this->assertSame( '2', self::printed() );
		self::wp( 'outbox list', array(), array( 'search' => (string) $id, 'format' => 'json' ) );
		$this->assertSame( (string) $id, json_decode( self::printed(), true )['object_ref'] );
		$this->assertSame( 1, self::wp( 'outbox list', array(), array( 'status' => 'lost' ) ) );
		$this->assertStringContainsString( 'one of pending, sending, sent', self::printed() );
	}

	public function test_outbox_retry_never_says_success_for_what_it_did_not_do(): void {
		$id = $this->publish();
		$this->answer( FakeIngress::response( 422, array( 'code' => 'data_invalid' ), array( 'content-type' => 'application/problem+json' ) ), FakeIngress::accepted() );
		$this->tick();
		$this->assertSame( 'refused', $this->status( $id ) );
		$this->assertSame( 1, self::wp( 'outbox retry' ) );
		$this->assertSame( 1, self::wp( 'outbox retry', array( '99999999' ) ) );
		$this->assertSame( 0, self::wp( 'outbox retry', array(), array( 'status' => 'refused' ) ) );
		$this->assertStringContainsString( 'Success: 1 event(s)', self::printed() );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
		$this->assertSame( 1, self::wp( 'outbox retry', array( $this->rows()[0]['id'] ) ) );
	}

	public function test_outbox_retry_by_status_takes_all_of_them_and_no_other(): void {
		global $wpdb;
		$this->publish();
		$row = $this->rows()[0];
		unset( $row['id'] );
		for ( $number = 1; $number <= 1100; $number++ ) {
			$copy = array(
				'idempotency_key' => wp_generate_uuid4(),
				'dedupe_key'      => 'copy-' . $number,
				'status'          => $number <= 1050 ? 'dead' : 'refused',
			);
			$wpdb->insert( Schema::outbox(), $copy + $row );
		}
		$this->assertSame( 0, self::wp( 'outbox retry', array(), array( 'status' => 'dead' ) ) );
		$this->assertStringContainsString( 'Success: 1050 event(s)', self::printed() );
		$this->assertCount( 50, $this->rows( "status = 'refused'" ) );
	}

	public function test_a_number_that_is_none_is_an_error_and_nothing_is_deleted_or_listed(): void {
		$this->publish();
		$this->tick();
		foreach ( array( 'thirty', '30d', '-1', '', '1.5', '1e3', true, '99999999999999999999' ) as $days ) {
			$this->assertSame( 1, self::wp( 'outbox purge', array(), array( 'status' => 'sent', 'older-than' => $days ) ), wp_json_encode( $days ) );
			$this->assertStringContainsString( '--older-than', self::printed() );
		}
		foreach ( array( 'all', '0', '-5', '5x' ) as $limit ) {
			$this->assertSame( 1, self::wp( 'outbox list', array(), array( 'limit' => $limit ) ) );
			$this->assertStringContainsString( '--limit', self::printed() );
		}
		foreach ( array( 'x', '7x', '-7', '0' ) as $id ) {
			$this->assertSame( 1, self::wp( 'outbox retry', array( $id ) ) );
			$this->assertStringContainsString( "Not an event's id: $id", self::printed() );
		}
		$this->assertCount( 1, $this->rows() );
	}

	public function test_a_format_that_a_command_does_not_have_is_an_error(): void {
		foreach ( array( 'status', 'test', 'dispatch', 'doctor', 'outbox list', 'outbox purge', 'outbox retry' ) as $command ) {
			$this->assertSame( 1, self::wp( $command, array(), array( 'format' => 'xml', 'status' => 'sent' ) ), $command );
			$this->assertStringContainsString( '--format', self::printed(), $command );
		}
	}

	public function test_with_json_nothing_but_json_goes_to_standard_output(): void {
		global $wpdb;
		$this->publish();
		$this->tick();
		$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET status = 'refused'" );
		$this->assertSame( 0, self::wp( 'outbox retry', array(), array( 'status' => 'refused', 'format' => 'json' ) ) );
		$this->assertSame( array( 'retried' => 1 ), json_decode( self::printed(), true ) );
		$this->assertSame( 1, self::wp( 'outbox retry', array(), array( 'status' => 'refused', 'format' => 'json' ) ) );
		$this->assertSame( array( 'retried' => 0 ), json_decode( self::printed(), true ) );
		$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET status = 'sent', finished_at = 1" );
		$this->assertSame( 0, self::wp( 'outbox purge', array(), array( 'status' => 'sent', 'format' => 'json' ) ) );
		$this->assertSame( array( 'deleted' => 1, 'left' => 0 ), json_decode( self::printed(), true ) );
	}

	public function test_outbox_purge_asks_before_it_deletes_what_was_not_taken_and_never_deletes_what_waits(): void {
		global $wpdb;
		$this->publish();
		$this->tick();
		$this->publish();
		$this->assertSame( 1, self::wp( 'outbox purge', array(), array( 'status' => 'pending' ) ) );
		$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET finished_at = finished_at - 1000" );
		$this->assertSame( 0, self::wp( 'outbox purge', array(), array( 'status' => 'sent' ) ) );
		$this->assertStringContainsString( '1 event(s) deleted, 1 left', self::printed() );
		$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET status = 'dead', occurred_at = occurred_at - 1000" );
		$this->assertSame( 2, self::wp( 'outbox purge', array(), array( 'status' => 'dead' ) ) );
		$this->assertCount( 1, $this->rows() );
		self::wp( 'outbox purge', array(), array( 'status' => 'dead', 'yes' => true ) );
		$this->assertCount( 0, $this->rows() );
	}
}
