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

	public function test_however_often_it_is_moderated_a_comment_is_one_event(): void {
		$walks = array(
			'hold'  => array( 'approve', 'hold', 'approve', 'spam', 'approve', 'trash', 'approve' ),
			'spam'  => array( 'hold', 'spam', 'approve', 'trash', 'hold' ),
			'trash' => array( 'hold', 'approve', 'spam', 'trash', 'approve' ),
		);
		foreach ( $walks as $from => $walk ) {
			$id = self::comment( array( 'comment_approved' => 'hold' === $from ? 0 : $from ) );
			foreach ( $walk as $status ) {
				$rows = $this->moderate( $id, $status );
			}
			$this->assertCount( 1, $rows, $from );
		}
		$id = self::comment( array( 'comment_approved' => 1 ) );
		foreach ( array( 'wp_trash_comment', 'wp_untrash_comment', 'wp_spam_comment', 'wp_unspam_comment' ) as $act ) {
			$act( $id );
			do_action( 'pressferry_capture' );
		}
		wp_update_comment( array( 'comment_ID' => $id, 'comment_content' => 'edited' ) );
		do_action( 'pressferry_capture' );
		$this->assertCount( 1, $this->outbox->find( 'object_ref', (string) $id ) );
	}

	public function test_a_comment_is_reported_from_wherever_it_comes(): void {
		wp_set_current_user( 1 );
		$request = new \WP_REST_Request( 'POST', '/wp/v2/comments' );
		$request->set_body_params( array( 'post' => 1, 'content' => 'By REST ' . wp_generate_uuid4() ) );
		$ids = array( rest_do_request( $request )->get_data()['id'] );
		$ids[] = (int) wp_new_comment( array( 'comment_post_ID' => 1, 'comment_author' => 'G', 'comment_author_email' => 'g@site.example', 'comment_author_url' => '', 'comment_content' => 'By the form ' . wp_generate_uuid4(), 'comment_type' => 'comment', 'user_id' => 1 ) );
		$ids[] = (int) wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_content' => 'By code', 'comment_approved' => 1 ) );
		do_action( 'pressferry_capture' );
		foreach ( $ids as $id ) {
			$this->assertCount( 1, $this->outbox->find( 'object_ref', (string) $id ) );
		}
	}
}
