<?php
namespace Pressferry\Tests;

use Pressferry\Outbox\Payload;

final class PayloadTest extends PluginTestCase {
	public function test_the_bytes_are_pure_ascii_whatever_was_written(): void {
		$json = Payload::freeze( array( 'title' => 'Fähre 🚢', 'url' => 'https://site.example/a', 'broken' => "\xC3" ) );
		$this->assertMatchesRegularExpression( '/^[\x20-\x7e]+$/', $json );
		$this->assertSame( 'Fähre 🚢', json_decode( $json, true )['title'] );
		$this->assertStringContainsString( 'https://site.example/a', $json, 'slashes stay' );
	}

	public function test_an_empty_map_stays_an_object(): void {
		$this->assertSame( '{}', Payload::freeze( array() ) );
	}

	public function test_content_is_cut_to_100000_characters_and_says_so(): void {
		foreach ( array( '', 'post.published', 'comment.created', 'form.submitted' ) as $type ) {
			$cut = json_decode( Payload::freeze( array( 'content' => str_repeat( 'a', 100001 ) ), $type ), true );
			$this->assertSame( 100000, strlen( $cut['content'] ), $type );
			$this->assertTrue( $cut['truncated'] ?? false, $type );
			$whole = json_decode( Payload::freeze( array( 'content' => str_repeat( 'a', 100000 ) ), $type ), true );
			$this->assertFalse( isset( $whole['truncated'] ), $type );
		}
	}

	public function test_a_body_never_exceeds_262144_bytes_and_is_never_cut_inside_a_character(): void {
		$row  = array( 'event_type' => str_repeat( 'x', 100 ), 'object_ref' => str_repeat( 'ß', 255 ), 'idempotency_key' => str_repeat( 'k', 36 ), 'occurred_at' => 1795500000123 );
		$json = Payload::freeze( array( 'content' => str_repeat( '渡', 99000 ) ) );
		$body = Payload::body( $row + array( 'payload' => $json ), 1795500000123, 1795500000123, 1795500000123 );
		$this->assertLessThanOrEqual( 262144, strlen( $body ) );
		$data = json_decode( $body, true )['data'];
		$this->assertTrue( $data['truncated'] );
		$this->assertGreaterThanOrEqual( 35000, mb_strlen( $data['content'] ), 'not more is cut than must be' );
		$this->assertMatchesRegularExpression( '/^渡+$/u', $data['content'] );
	}

	public function test_what_cannot_be_cut_stays_whole_for_the_outbox_to_judge(): void {
		$this->assertGreaterThanOrEqual( Payload::ROOM_BYTES + 1, strlen( Payload::freeze( array( 'meta' => str_repeat( 'a', 300000 ) ) ) ) );
		$this->assertGreaterThanOrEqual( Payload::ROOM_BYTES + 1, strlen( Payload::freeze( array( 'meta' => str_repeat( 'a', 300000 ), 'content' => 'short' ) ) ) );
	}
}
