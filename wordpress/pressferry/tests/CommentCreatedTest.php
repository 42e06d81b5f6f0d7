<?php
namespace Pressferry\Tests;

final class CommentCreatedTest extends PluginTestCase {
	private static function comment( array $fields = array() ): int {
		$id = (int) wp_insert_comment( $fields + array( 'comment_post_ID' => 1, 'comment_author' => 'Grace', 'comment_content' => 'Tandems too? 🚲', 'comment_approved' => 0, 'comment_type' => 'comment' ) );
		do_action( 'pressferry_capture' );
		return $id;
	}

	private function moderate( int $id, string $status ): array {
		wp_set_comment_status( $id, $status );
		do_action( 'pressferry_capture' );
		return $this->outbox->find( 'object_ref', (string) $id );
	}

	public function test_a_held_comment_is_reported_once_with_what_the_schema_wants(): void {
		$id   = self::comment();
		$rows = $this->outbox->find( 'object_ref', (string) $id );
		$this->assertCount( 1, $rows );
		$data = json_decode( $rows[0]['payload'], true );
		$this->assertSame( array( 'comment_id', 'post_id', 'parent_id', 'author_name', 'content', 'status', 'created_at' ), array_keys( $data ) );
		$this->assertSame( array( $id, 1, 0, 'Grace', 'Tandems too? 🚲', 'hold' ), array_slice( array_values( $data ), 0, 6 ) );
		$this->assertSame( '1', (string) $rows[0]['post_id'], 'its results are shown with its post' );
	}

	public function test_spam_and_trash_stay_here(): void {
		self::comment( array( 'comment_approved' => 'spam' ) );
		self::comment( array( 'comment_approved' => 'trash' ) );
		$this->assertSame( 0, array_sum( $this->outbox->summary()['counts'] ) );
	}

	public function test_order_notes_task_logs_block_notes_and_pings_are_no_comments(): void {
		foreach ( array( 'order_note', 'action_log', 'note', 'pingback', 'trackback' ) as $type ) {
			self::comment( array( 'comment_type' => $type ) );
		}
		$this->assertSame( 0, array_sum( $this->outbox->summary()['counts'] ) );
	}

	public function test_a_comment_that_comes_out_of_spam_or_the_bin_is_reported_then_and_once(): void {
		foreach ( array( 'spam', 'trash' ) as $from ) {
			$id = self::comment( array( 'comment_approved' => $from ) );
			$this->assertCount( 0, $this->outbox->find( 'object_ref', (string) $id ) );
			$rows = $this->moderate( $id, 'approve' );
			$this->assertCount( 1, $rows, $from );
			$this->assertSame( 'approved', json_decode( $rows[0]['payload'], true )['status'] );
			$this->moderate( $id, 'spam' );
			$this->assertCount( 1, $this->moderate( $id, 'approve' ) );
		}
	}

	public function test_a_held_comment_that_is_approved_is_not_reported_again(): void {
		$this->assertCount( 1, $this->moderate( self::comment(), 'approve' ) );
	}

	public function test_what_is_written_under_a_post_that_not_everybody_can_read_stays_here(): void {
		foreach ( array( array( 'post_status' => 'private' ), array( 'post_status' => 'draft' ), array( 'post_status' => 'publish', 'post_password' => 'x' ) ) as $fields ) {
			$post = wp_insert_post( $fields + array( 'post_title' => 'p', 'post_content' => 'b' ) );
			$id   = self::comment( array( 'comment_post_ID' => $post ) );
			$this->assertCount( 0, $this->outbox->find( 'object_ref', (string) $id ), (string) wp_json_encode( $fields ) );
		}
		$gone = self::comment( array( 'comment_post_ID' => 99999999 ) );
		$this->assertCount( 0, $this->outbox->find( 'object_ref', (string) $gone ) );
	}

	public function test_what_a_plugin_decides_within_the_request_counts(): void {
		$id = (int) wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_content' => 'Buy now', 'comment_approved' => 0, 'comment_type' => 'comment' ) );
		wp_spam_comment( $id );
		do_action( 'pressferry_capture' );
		$this->assertCount( 0, $this->outbox->find( 'object_ref', (string) $id ) );
	}
}
