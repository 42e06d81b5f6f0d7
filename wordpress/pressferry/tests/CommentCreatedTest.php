<?php
namespace Pressferry\Tests;

final class CommentCreatedTest extends PluginTestCase {
	private static function comment( array $fields = array() ): int {
		return (int) wp_insert_comment( $fields + array( 'comment_post_ID' => 1, 'comment_author' => 'Grace', 'comment_content' => 'Tandems too? 🚲', 'comment_approved' => 0, 'comment_type' => 'comment' ) );
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
}
