<?php
namespace Pressferry\Tests;

use Pressferry\Contract\Shapes;
use Pressferry\Outbox\Payload;

/**
 * What PHP writes has the kinds that the event types' schemas want.
 */
final class ShapeTest extends PluginTestCase {
	private static function frozen( array $data, string $type ): string {
		return (string) Payload::freeze( $data, $type );
	}

	public function test_empty_arrays_are_written_as_the_kind_that_the_schema_says(): void {
		$this->assertSame( '{"meta":{}}', self::frozen( array( 'meta' => array() ), 'post.published' ) );
		$this->assertSame( '{"fields":{},"meta":{}}', self::frozen( array( 'fields' => array(), 'meta' => array() ), 'form.submitted' ) );
		$this->assertSame( '{"items":[],"customer":{},"meta":{}}', self::frozen( array( 'items' => array(), 'customer' => array(), 'meta' => array() ), 'order.paid' ) );
		$this->assertSame( '{"meta":{}}', self::frozen( array( 'meta' => array() ), 'subject.erasure_requested' ) );
		$this->assertSame( '{}', self::frozen( array(), 'post.published' ) );
	}

	public function test_every_map_of_every_type_stays_a_map_and_every_list_a_list(): void {
		foreach ( Shapes::TYPES as $type => $shape ) {
			foreach ( $shape['members'] as $name => $kind ) {
				if ( 'object' === $kind || isset( $kind['members'] ) ) {
					$this->assertSame( "{\"$name\":{}}", self::frozen( array( $name => array() ), $type ), "$type $name" );
				} elseif ( is_array( $kind ) ) {
					$this->assertSame( "{\"$name\":[]}", self::frozen( array( $name => array() ), $type ), "$type $name" );
				}
			}
		}
	}

	public function test_fields_with_keys_from_zero_are_a_map_and_lines_with_a_gap_are_a_list(): void {
		$this->assertSame( '{"fields":{"0":"Ada","1":"Hello"}}', self::frozen( array( 'fields' => array( 'Ada', 'Hello' ) ), 'form.submitted' ) );
		$this->assertSame( '{"items":[{"name":"Ticket","quantity":2}]}', self::frozen( array( 'items' => array( 3 => array( 'name' => 'Ticket', 'quantity' => '2' ) ) ), 'order.paid' ) );
	}

	public function test_what_php_writes_for_none_is_left_out_where_the_member_is_optional(): void {
		$data = array( 'order_id' => 7, 'currency' => 'EUR', 'total' => '0.00', 'paid_at' => null, 'customer' => array( 'email' => '', 'first_name' => '', 'company' => null ) );
		$this->assertSame( '{"order_id":7,"currency":"EUR","total":"0.00","customer":{"first_name":""}}', self::frozen( $data, 'order.paid' ) );
		$this->assertSame( '{"order_id":7,"total":""}', self::frozen( array( 'order_id' => 7, 'total' => '' ), 'order.paid' ), 'what is required is not made up, nor hidden' );
	}

	public function test_numbers_and_texts_have_the_kind_that_the_schema_says_without_losing_a_digit(): void {
		$this->assertSame( '{"form_id":"7"}', self::frozen( array( 'form_id' => 7 ), 'form.submitted' ) );
		$this->assertSame( '{"total":"59.9"}', self::frozen( array( 'total' => 59.9 ), 'order.paid' ) );
		$this->assertSame( '{"order_id":7}', self::frozen( array( 'order_id' => '7' ), 'order.paid' ) );
		$this->assertSame( '{"order_id":"12345678901234567891"}', self::frozen( array( 'order_id' => '12345678901234567891' ), 'order.paid' ) );
	}

	public function test_a_text_beyond_its_bound_is_cut_and_not_the_event_refused(): void {
		$data = json_decode( self::frozen( array( 'title' => str_repeat( 'ß', 2001 ), 'author' => str_repeat( 'a', 251 ) ), 'post.published' ), true );
		$this->assertSame( array( 2000, 250 ), array( mb_strlen( $data['title'] ), strlen( $data['author'] ) ) );
	}

	public function test_a_type_that_is_not_the_backends_own_is_left_as_it_is(): void {
		$this->assertSame( '{"tags":[],"none":null,"id":"7"}', self::frozen( array( 'tags' => array(), 'none' => null, 'id' => '7' ), 'ferry.departed' ) );
	}
}
