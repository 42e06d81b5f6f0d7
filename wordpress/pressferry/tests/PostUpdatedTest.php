<?php
namespace Pressferry\Tests;

use Pressferry\Consumers\Consumers;
use Pressferry\Contract\Shapes;
use Pressferry\Events\PostUpdated;
use Pressferry\Outbox\Schema;
use Pressferry\Plugin;

final class PostUpdatedTest extends ScenarioCase {
	/** @var array<string, \WP_Hook> */
	private $hooks = array();

	protected function setUp(): void {
		parent::setUp();
		wp_set_current_user( 1 );
		foreach ( array( 'transition_post_status', 'post_updated', 'deleted_post', 'pressferry_result' ) as $hook ) {
			$this->hooks[ $hook ] = isset( $GLOBALS['wp_filter'][ $hook ] ) ? clone $GLOBALS['wp_filter'][ $hook ] : new \WP_Hook();
		}
		// It is off unless someone switches it on.
		( new PostUpdated() )->register( Plugin::recorder() );
		remove_all_filters( 'pressferry_result' );
		Consumers::register();
	}

	protected function tearDown(): void {
		foreach ( $this->hooks as $hook => $callbacks ) {
			$GLOBALS['wp_filter'][ $hook ] = $callbacks;
		}
		remove_all_filters( 'pressferry_event_payload' );
		delete_option( Consumers::OPTION );
		parent::tearDown();
	}

	private function updates( int $post_id ): array {
		$this->end_request();
		return $this->rows( "object_ref = '$post_id' AND event_type = 'post.updated'" );
	}

	private function change( int $post_id, array $fields ): void {
		wp_update_post( wp_slash( array( 'ID' => $post_id ) + $fields ) );
		$this->end_request();
	}

	private static function data( array $row ): array {
		return json_decode( $row['payload'], true );
	}

	private function minute_passes(): void {
		global $wpdb;
		$wpdb->query( 'UPDATE ' . Schema::outbox() . ' SET next_attempt_at = next_attempt_at - 60000' );
	}

	public function test_a_change_is_one_event_with_the_final_state_and_what_is_new_and_leaves_within_a_minute(): void {
		$id = $this->publish();
		$this->tick();
		$this->change( $id, array( 'post_title' => 'Sun', 'post_content' => '<!-- wp:paragraph --><p>It sails.</p><!-- /wp:paragraph -->' ) );
		$rows = $this->updates( $id );
		$this->assertCount( 1, $rows );
		$data = self::data( $rows[0] );
		$this->assertSame( array( 'Sun', '<p>It sails.</p>', 'publish', array( 'title', 'content' ) ), array( $data['title'], $data['content'], $data['status'], $data['changed'] ) );
		$shape = Shapes::TYPES['post.updated'];
		$this->assertSame( array( array(), array() ), array( array_diff( array_keys( $data ), array_keys( $shape['members'] ) ), array_diff( $shape['required'], array_keys( $data ) ) ) );
		$this->tick();
		$this->assertSame( 'pending', $this->updates( $id )[0]['status'] );
		$this->minute_passes();
		$this->tick();
		$this->assertSame( array( 'sent', (string) $id ), array( $this->updates( $id )[0]['status'], (string) $this->updates( $id )[0]['post_id'] ) );
	}

	public function test_a_save_that_changes_nothing_of_what_leaves_is_no_event(): void {
		$id = $this->publish( array( 'post_content' => '<!-- wp:paragraph --><p>a</p><!-- /wp:paragraph -->', 'post_title' => 'A &amp; B' ) );
		$this->change( $id, array( 'post_title' => 'A & B' ) );
		$this->change( $id, array( 'comment_status' => 'closed', 'menu_order' => 3 ) );
		$this->change( $id, array( 'post_content' => "<!-- wp:paragraph {\"dropCap\":true} -->\n<p>a</p>\n<!-- /wp:paragraph -->" ) );
		wp_set_post_categories( $id, array( wp_insert_term( wp_generate_uuid4(), 'category' )['term_id'] ) );
		update_post_meta( $id, 'mood', 'new' );
		wp_save_post_revision( $id );
		_wp_put_post_revision( array( 'ID' => $id, 'post_content' => 'auto' ) + get_post( $id, ARRAY_A ), true );
		wp_update_comment_count_now( $id );
		$this->assertCount( 0, $this->updates( $id ) );
	}

	public function test_however_an_editor_saves_it_is_one_event(): void {
		require_once ABSPATH . 'wp-admin/includes/admin.php';
		$rest = static function ( int $id, array $fields ): void {
			$request = new \WP_REST_Request( 'POST', "/wp/v2/posts/$id" );
			$request->set_body_params( $fields );
			rest_do_request( $request );
			do_action( 'pressferry_capture' );
		};
		$form = static function ( int $id, array $fields ): void {
			$post = get_post( $id );
			edit_post( array( 'post_ID' => $id, 'post_type' => 'post', 'post_status' => 'publish', 'original_post_status' => 'publish' ) + $fields + array( 'post_title' => $post->post_title, 'content' => $post->post_content ) );
			do_action( 'pressferry_capture' );
		};
		$ways = array(
			'the block editor, and its second request for meta boxes' => array( array( 'title' ), static function ( int $id ) use ( $rest, $form ): void {
				$rest( $id, array( 'title' => 'new' ) );
				$form( $id, array() );
			} ),
			'a meta box that writes a field of its own in that second request' => array( array( 'title', 'excerpt' ), static function ( int $id ) use ( $rest, $form ): void {
				$rest( $id, array( 'title' => 'new' ) );
				$form( $id, array( 'excerpt' => 'from the box' ) );
			} ),
			'a plugin that saves again while it is saved' => array( array( 'title', 'url' ), static function ( int $id ): void {
				add_action( 'save_post_post', $again = static function ( int $post_id ) use ( &$again ): void {
					remove_action( 'save_post_post', $again );
					wp_update_post( array( 'ID' => $post_id, 'post_name' => 'new-' . $post_id ) );
				} );
				wp_update_post( array( 'ID' => $id, 'post_title' => 'new' ) );
			} ),
			'quick edit'  => array( array( 'title' ), static function ( int $id ) use ( $form ): void {
				$form( $id, array( 'post_title' => 'new' ) );
			} ),
			'a bulk edit' => array( array( 'author' ), static function ( int $id ): void {
				$author = wp_insert_user( array( 'user_login' => 'b' . wp_generate_uuid4(), 'user_pass' => 'x', 'role' => 'author' ) );
				bulk_edit_posts( array( 'post' => array( $id ), 'post_type' => 'post', '_status' => '-1', 'post_author' => $author, 'comment_status' => '', 'ping_status' => '', 'post_category' => array(), 'tax_input' => array(), 'post_format' => '-1', 'post_view' => 'list', 'page_template' => '', 'post_parent' => -1, 'sticky' => '-1', 'keep_private' => '' ) );
			} ),
			'cron, a script' => array( array( 'content' ), static function ( int $id ): void {
				wp_update_post( array( 'ID' => $id, 'post_content' => 'new' ) );
				wp_update_post( array( 'ID' => $id, 'post_content' => 'newer' ) );
			} ),
			'a revision that is restored' => array( array( 'content' ), static function ( int $id ): void {
				wp_restore_post_revision( _wp_put_post_revision( array( 'ID' => $id, 'post_content' => 'former' ) + get_post( $id, ARRAY_A ) ) );
			} ),
		);
		foreach ( $ways as $what => list( $changed, $save ) ) {
			$id = $this->publish();
			$save( $id );
			$rows = $this->updates( $id );
			$this->assertCount( 1, $rows, $what );
			$this->assertSame( $changed, self::data( $rows[0] )['changed'], $what );
			$this->assertCount( 2, $this->rows( "object_ref = '$id'" ), "$what, and it is published once" );
		}
	}

	public function test_changes_within_a_minute_are_one_event_and_a_later_one_is_another(): void {
		$id = $this->publish();
		$this->change( $id, array( 'post_title' => 'second' ) );
		$first = $this->updates( $id )[0];
		$this->change( $id, array( 'post_content' => 'Third "text" \ {}' ) );
		$rows = $this->updates( $id );
		$this->assertCount( 1, $rows );
		$this->assertSame( array( $first['idempotency_key'], $first['next_attempt_at'] ), array( $rows[0]['idempotency_key'], $rows[0]['next_attempt_at'] ), 'who changes a text all day long is still heard of' );
		$this->assertSame( array( 'second', 'Third "text" \ {}', array( 'title', 'content' ) ), array( self::data( $rows[0] )['title'], self::data( $rows[0] )['content'], self::data( $rows[0] )['changed'] ) );
		$this->minute_passes();
		$this->change( $id, array( 'post_title' => 'fourth' ) );
		$rows = $this->updates( $id );
		$this->assertSame( array( 'second', 'fourth' ), array( self::data( $rows[0] )['title'], self::data( $rows[1] )['title'] ) );
	}

	public function test_what_was_sent_once_is_never_written_over(): void {
		global $wpdb;
		$id = $this->publish();
		$this->change( $id, array( 'post_title' => 'second' ) );
		$this->minute_passes();
		$this->answer( FakeIngress::response( 500, array() ) );
		$this->tick();
		$sent = $this->updates( $id )[0];
		// As someone who sends it again from the log makes it.
		$wpdb->query( 'UPDATE ' . Schema::outbox() . " SET status = 'pending', attempts = 0, next_attempt_at = next_attempt_at + 3600000" );
		$this->change( $id, array( 'post_title' => 'third' ) );
		$rows = $this->updates( $id );
		$this->assertSame( array( $sent['payload'], 'third' ), array( $rows[0]['payload'], self::data( $rows[1] )['title'] ) );
	}

	public function test_there_and_back_again_later_are_two_changes(): void {
		$id = $this->publish( array( 'post_title' => 'A' ) );
		$this->change( $id, array( 'post_title' => 'B' ) );
		$this->minute_passes();
		$this->change( $id, array( 'post_title' => 'A' ) );
		$this->assertSame( array( 'B', 'A' ), array_map( static function ( $row ) {
			return self::data( $row )['title'];
		}, $this->updates( $id ) ) );
	}

	public function test_nothing_of_what_not_everyone_can_read_leaves_and_what_waits_is_taken_back(): void {
		foreach ( array( 'draft', 'pending', 'private' ) as $status ) {
			$id = $this->publish( array( 'post_status' => $status ) );
			$this->change( $id, array( 'post_title' => 'new' ) );
			$this->assertCount( 0, $this->updates( $id ), $status );
		}
		$id = $this->publish( array( 'post_password' => 'x' ) );
		$this->change( $id, array( 'post_title' => 'new' ) );
		$this->change( $id, array( 'post_title' => 'newer', 'post_password' => '' ) );
		$this->assertSame( array( 'post.published' ), array_column( $this->rows( "object_ref = '$id'" ), 'event_type' ), 'a password that is removed is a publishing' );
		$id = $this->publish( array( 'post_type' => 'wp_block' ) );
		$this->change( $id, array( 'post_title' => 'new' ) );
		$this->assertCount( 0, $this->updates( $id ), 'no public type' );
		$closings = array(
			'private'  => static function ( int $id ): void {
				wp_update_post( array( 'ID' => $id, 'post_title' => 'newest', 'post_status' => 'private' ) );
			},
			'password' => static function ( int $id ): void {
				wp_update_post( array( 'ID' => $id, 'post_title' => 'newest', 'post_password' => 'x' ) );
			},
			'bin'      => 'wp_trash_post',
			'deleted'  => static function ( int $id ): void {
				wp_delete_post( $id, true );
			},
		);
		foreach ( $closings as $what => $close ) {
			$id = $this->publish();
			$this->change( $id, array( 'post_title' => 'new' ) );
			$this->assertCount( 1, $this->updates( $id ) );
			$close( $id );
			$this->assertCount( 0, $this->updates( $id ), $what );
			$this->assertCount( 1, $this->rows( "object_ref = '$id'" ), "$what: what was public and is on its way stays" );
		}
	}

	public function test_what_is_published_and_changed_in_one_request_is_a_publishing_only(): void {
		$id = wp_insert_post( array( 'post_title' => 'a', 'post_content' => 'b', 'post_status' => 'publish' ) );
		wp_update_post( array( 'ID' => $id, 'post_title' => 'c' ) );
		$this->assertCount( 0, $this->updates( $id ) );
		wp_update_post( array( 'ID' => $id, 'post_title' => 'd' ) );
		wp_update_post( array( 'ID' => $id, 'post_status' => 'draft' ) );
		wp_update_post( array( 'ID' => $id, 'post_title' => 'e', 'post_status' => 'publish' ) );
		$this->assertCount( 0, $this->updates( $id ) );
		$rows = $this->rows( "object_ref = '$id'" );
		$this->assertSame( array( 'c', 'e' ), array( self::data( $rows[0] )['title'], self::data( $rows[1] )['title'] ) );
		$this->change( $id, array( 'post_title' => 'f' ) );
		$this->assertCount( 1, $this->updates( $id ), 'a process that lives long goes on' );
	}

	private function result( int $id, string $type, array $output ): void {
		$this->receive( (string) $id, $output, $type );
		$this->end_request();
	}

	public function test_what_a_result_writes_into_the_post_makes_no_event_so_nothing_turns_in_a_circle(): void {
		Consumers::switch_on( array( 'excerpt', 'alt' ) );
		$id    = $this->publish();
		$image = wp_insert_post( array( 'post_type' => 'attachment', 'post_parent' => $id, 'post_title' => 'x', 'post_status' => 'inherit' ) );
		$this->result( $id, 'post.published', array( 'summary' => 'It waits.', 'alt_texts' => array( $image => 'A ferry' ) ) );
		$this->assertSame( array( 'It waits.', 'A ferry' ), array( get_post( $id )->post_excerpt, get_post_meta( $image, '_wp_attachment_image_alt', true ) ) );
		$this->assertCount( 0, $this->updates( $id ) );

		$this->change( $id, array( 'post_content' => 'The ferry sails.' ) );
		$this->minute_passes();
		$this->tick();
		$this->result( $id, 'post.updated', array( 'summary' => 'It sails.' ) );
		$this->assertSame( 'It sails.', get_post( $id )->post_excerpt, 'the summary follows the text' );
		$this->assertCount( 1, $this->updates( $id ) );

		add_action(
			'pressferry_result',
			static function ( array $result ): void {
				wp_update_post( array( 'ID' => (int) $result['object_ref'], 'post_title' => 'by a listener' ) );
				throw new \RuntimeException( 'which fails afterwards' );
			}
		);
		$this->result( $id, 'post.updated', array() );
		$this->assertSame( 'by a listener', get_post( $id )->post_title );
		$this->assertCount( 1, $this->updates( $id ) );
		$this->change( $id, array( 'post_excerpt' => 'By hand.' ) );
		$this->assertSame( array( 'excerpt' ), self::data( $this->updates( $id )[1] )['changed'], 'a person is heard again, and what the listener wrote is not called a change' );
	}

	public function test_filters_and_a_broken_table_meet_it_as_every_event(): void {
		global $wpdb;
		$id = $this->publish();
		add_filter( 'pressferry_event_payload', static function ( $data ) {
			return array( 'meta' => array() ) + $data;
		} );
		$this->change( $id, array( 'post_title' => 'new' ) );
		$this->change( $id, array( 'post_title' => 'newer' ) );
		$this->assertStringContainsString( '"meta":{}', $this->updates( $id )[0]['payload'] );
		$wpdb->query( 'DROP TABLE ' . Schema::outbox() );
		$this->change( $id, array( 'post_title' => 'newest' ) );
		$this->assertSame( 'newest', self::data( $this->updates( $id )[0] )['title'] );
	}
}
