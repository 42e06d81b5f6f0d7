<?php
namespace Pressferry\Tests;

use Pressferry\Outbox\Accepted;

/**
 * Rows that the backend took are marked together.
 */
final class AcceptedTest extends PluginTestCase {
	public function test_one_statement_marks_what_was_taken_of_a_claim(): void {
		$keys = array();
		for ( $i = 0; $i < 6; $i++ ) {
			$keys[] = $this->add_event( "taken-$i" );
		}
		$this->ingress->answers = array( FakeIngress::accepted(), self::problem( 'data_invalid', 422 ), FakeIngress::accepted() );
		$marks                  = 0;
		add_filter( 'query', $count = static function ( $sql ) use ( &$marks ) {
			$marks += false !== strpos( $sql, "SET status = 'sent'" ) ? 1 : 0;
			return $sql;
		} );
		$this->assertSame( 5, $this->dispatcher()->dispatch()['accepted'] );
		remove_filter( 'query', $count );
		$this->assertSame( 1, $marks );
		$this->assertSame( array( 'sent', 'refused', 'sent', 'sent', 'sent', 'sent' ), array_map( function ( $key ) {
			return $this->row( $key )['status'];
		}, $keys ) );
		$this->assertSame( array( '202', '6978440a-03a1-535b-93bf-4c3d1468f01b', '' ), array( (string) $this->row( $keys[5] )['last_status'], $this->row( $keys[5] )['request_id'], $this->row( $keys[5] )['claim_token'] ) );
	}

	public function test_one_that_was_taken_by_a_process_that_died_before_the_mark_is_sent_again_under_its_key(): void {
		$key                    = $this->add_event();
		$rows = $this->outbox->claim( 10 );
		$this->outbox->begin_try( $rows[0], $this->clock->ms );
		( new Accepted( $this->clock ) )->add( $rows[0], '6978440a-03a1-535b-93bf-4c3d1468f01b' );
		$this->assertSame( 'sending', $this->row( $key )['status'] );
		$this->clock->ms       += 31000;
		$this->ingress->answers = array( FakeIngress::accepted() );
		$this->dispatcher()->dispatch();
		$this->assertSame( 'sent', $this->row( $key )['status'] );
		$this->assertSame( $key, $this->ingress->requests[0]['headers']['X-Idempotency-Key'] );
	}

	public function test_a_mark_does_not_touch_a_row_whose_claim_was_lost(): void {
		$key      = $this->add_event();
		$rows     = $this->outbox->claim( 10 );
		$accepted = new Accepted( $this->clock );
		$accepted->add( $rows[0], '6978440a-03a1-535b-93bf-4c3d1468f01b' );
		$this->clock->ms += 31000;
		$this->outbox->claim( 10 );
		$accepted->mark();
		$this->assertSame( 'sending', $this->row( $key )['status'] );
	}

	public function test_a_row_does_not_wait_long_for_its_mark_while_others_are_slow(): void {
		$keys                   = array( $this->add_event( '1' ), $this->add_event( '2' ), $this->add_event( '3' ) );
		$this->ingress->answers = array(
			FakeIngress::accepted(),
			function () {
				$this->clock->ms += 4000;
				return FakeIngress::accepted();
			},
			function () use ( $keys ) {
				$this->assertSame( array( 'sent', 'sent', 'sending' ), array_map( function ( $key ) {
					return $this->row( $key )['status'];
				}, $keys ) );
				return FakeIngress::accepted();
			},
		);
		$this->dispatcher()->dispatch();
		$this->assertCount( 3, $this->ingress->requests );
	}
}
