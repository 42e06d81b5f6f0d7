<?php
namespace Pressferry\Tests;

use Pressferry\Events\Event;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Payload;
use Pressferry\Outbox\Schema;

final class OutboxTest extends PluginTestCase {
	public function test_the_same_happening_is_stored_once(): void {
		$event = new Event( array( 'type' => 'post.published', 'object_ref' => '17', 'data' => array(), 'dedupe_key' => 'post.published:1:17:x' ) );
		$this->assertSame( Outbox::ADDED, $this->outbox->insert( $this->outbox->entry( $event, '{"a":1}' ) ) );
		$this->assertSame( Outbox::DUPLICATE, $this->outbox->insert( $this->outbox->entry( $event, '{"a":2}' ) ) );
		$rows = $this->outbox->find( 'object_ref', '17' );
		$this->assertCount( 1, $rows );
		$this->assertSame( '{"a":1}', $rows[0]['payload'] );
		$this->assertMatchesRegularExpression( '/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/', $rows[0]['idempotency_key'] );
	}

	public function test_what_is_too_large_to_send_is_kept_whole_as_refused(): void {
		$payload = Payload::freeze( array( 'meta' => str_repeat( 'a', 300000 ) ) );
		$this->outbox->insert( $this->outbox->entry( new Event( array( 'type' => 't', 'object_ref' => 'big', 'data' => array(), 'dedupe_key' => 'big' ) ), $payload ) );
		$row = $this->outbox->find( 'object_ref', 'big' )[0];
		$this->assertSame( array( 'refused', 'payload_too_large' ), array( $row['status'], $row['last_error'] ) );
		$this->assertTrue( $payload === $row['payload'] );
		$this->assertCount( 0, $this->outbox->claim( 10 ) );
	}

	public function test_a_claimed_row_is_claimed_by_nobody_else(): void {
		for ( $i = 0; $i < 5; $i++ ) {
			$this->add_event( "ref-$i" );
		}
		$mine   = array_column( $this->outbox->claim( 3 ), 'object_ref' );
		$theirs = array_column( ( new Outbox( $this->clock ) )->claim( 10 ), 'object_ref' );
		$this->assertSame( array( 'ref-0', 'ref-1', 'ref-2' ), $mine, 'oldest first' );
		$this->assertSame( array( 'ref-3', 'ref-4' ), $theirs );
		$this->assertCount( 0, $this->outbox->claim( 10 ) );
	}

	public function test_a_lease_that_ran_out_is_claimed_again_and_its_first_owner_can_no_longer_finish(): void {
		$key   = $this->add_event();
		$first = $this->outbox->claim( 1 )[0];
		$this->clock->ms += Outbox::LEASE_MS - 1;
		$this->assertCount( 0, $this->outbox->claim( 1 ), 'the lease still holds' );
		$this->clock->ms += 1;
		$second = $this->outbox->claim( 1 )[0];
		$this->assertFalse( $this->outbox->begin_try( $first, $this->clock->ms ), 'a lost claim must not send' );
		$this->assertFalse( $this->outbox->finish( $first, array( 'status' => 'dead' ) ) );
		$this->assertSame( 'sending', $this->row( $key )['status'] );
		$this->assertTrue( $this->outbox->begin_try( $second, $this->clock->ms ) );
		$this->assertTrue( $this->outbox->finish( $second, array( 'status' => 'sent' ) ) );
		$this->assertSame( array( 'sent', '1' ), array( $this->row( $key )['status'], (string) $this->row( $key )['attempts'] ) );
	}

	public function test_nothing_is_claimed_before_its_time(): void {
		$this->add_event();
		$row = $this->outbox->claim( 1 )[0];
		$this->outbox->finish( $row, array( 'status' => 'pending', 'next_attempt_at' => $this->clock->ms + 1000 ) );
		$this->assertCount( 0, $this->outbox->claim( 1 ) );
		$this->clock->ms += 999;
		$this->assertCount( 0, $this->outbox->claim( 1 ) );
		$this->clock->ms += 1;
		$this->assertCount( 1, $this->outbox->claim( 1 ) );
	}

	public function test_what_waits_can_be_made_due_without_getting_its_tries_again(): void {
		$key = $this->add_event();
		$row = $this->outbox->claim( 1 )[0];
		$this->outbox->begin_try( $row, $this->clock->ms );
		$this->outbox->finish( $row, array( 'status' => 'pending', 'next_attempt_at' => $this->clock->ms + 480000 ) );
		$this->assertSame( 1, $this->outbox->hasten( 10 ) );
		$this->assertCount( 1, $this->outbox->claim( 1 ) );
		$this->assertSame( '1', (string) $this->row( $key )['attempts'] );
	}

	public function test_racing_processes_claim_every_row_exactly_once(): void {
		if ( false === getenv( 'PRESSFERRY_TEST_WORDPRESS' ) ) {
			$this->markTestSkipped( 'PHP in WebAssembly starts no other process' );
		}
		for ( $i = 0; $i < 240; $i++ ) {
			$this->add_event( "race-$i" );
		}
		$workers = array();
		for ( $i = 0; $i < 4; $i++ ) {
			$workers[] = popen( escapeshellarg( PHP_BINARY ) . ' ' . escapeshellarg( __DIR__ . '/support/claim-worker.php' ), 'r' );
		}
		$claimed = array();
		foreach ( $workers as $worker ) {
			$claimed = array_merge( $claimed, preg_split( '/\s+/', (string) stream_get_contents( $worker ), -1, PREG_SPLIT_NO_EMPTY ) );
			pclose( $worker );
		}
		$this->assertCount( 240, $claimed );
		$this->assertCount( 240, array_unique( $claimed ) );
	}

	public function test_tables_are_made_again_where_they_are_missing(): void {
		Schema::drop();
		$this->add_event( 'after-drop' );
		$this->assertCount( 1, $this->outbox->find( 'object_ref', 'after-drop' ) );
	}

	public function test_keys_that_only_a_collation_takes_for_one_are_two_happenings(): void {
		$pairs = array( array( 'a', 'A' ), array( 'e', 'é' ), array( 'ss', 'ß' ), array( 'x', 'x ' ), array( '😀', '😁' ), array( 'fi', 'ﬁ' ), array( '1', '１' ), array( 'a' . str_repeat( 'b', 191 ), 'A' . str_repeat( 'b', 191 ) ), array( 'k', "k\n" ), array( 'z', "z\0" ) );
		foreach ( $pairs as $pair ) {
			$results = array();
			foreach ( array( $pair[0], $pair[1], $pair[0], $pair[1] ) as $key ) {
				$event     = new Event( array( 'type' => 'post.published', 'object_ref' => '1', 'data' => array(), 'dedupe_key' => 'own:' . $key ) );
				$results[] = $this->outbox->insert( $this->outbox->entry( $event, '{}' ) );
			}
			$this->assertSame( array( 'added', 'added', 'duplicate', 'duplicate' ), $results, (string) wp_json_encode( $pair ) );
		}
	}

	public function test_racing_processes_record_one_happening_once(): void {
		if ( false === getenv( 'PRESSFERRY_TEST_WORDPRESS' ) ) {
			$this->markTestSkipped( 'PHP in WebAssembly starts no other process' );
		}
		$workers = array();
		for ( $i = 0; $i < 3; $i++ ) {
			$workers[] = popen( escapeshellarg( PHP_BINARY ) . ' ' . escapeshellarg( __DIR__ . '/support/record-worker.php' ), 'r' );
		}
		$said = array();
		foreach ( $workers as $worker ) {
			$said = array_merge( $said, preg_split( '/\s+/', (string) stream_get_contents( $worker ), -1, PREG_SPLIT_NO_EMPTY ) );
			pclose( $worker );
		}
		$this->assertSame( array( 40, 80 ), array( count( array_keys( $said, 'added', true ) ), count( array_keys( $said, 'duplicate', true ) ) ) );
	}
}
