<?php
namespace Pressferry\Tests;

use Pressferry\Events\Recorder;
use Pressferry\Events\Text;

final class PostPublishedTest extends PluginTestCase {
	protected function setUp(): void {
		parent::setUp();
		wp_set_current_user( 1 );
	}

	private function events_of( int $post_id ): array {
		do_action( 'pressferry_capture' );
		return $this->outbox->find( 'object_ref', (string) $post_id );
	}

	private static function rest( string $method, string $path, array $fields ): \WP_REST_Response {
		$request = new \WP_REST_Request( $method, $path );
		$request->set_body_params( $fields );
		return rest_do_request( $request );
	}

	public function test_a_post_made_by_rest_is_reported_once_with_what_the_schema_wants(): void {
		$response = self::rest( 'POST', '/wp/v2/posts', array( 'title' => 'Fähre &amp; "Hafen"', 'content' => '<!-- wp:paragraph --><p>Hello 🚢</p><!-- /wp:paragraph -->', 'status' => 'publish' ) );
		$this->assertSame( 201, $response->get_status() );
		$id   = $response->get_data()['id'];
		$rows = $this->events_of( $id );
		$this->assertCount( 1, $rows );
		$data = json_decode( $rows[0]['payload'], true );
		$this->assertSame( array( $id, 'post', 'Fähre & "Hafen"', 'publish', 'admin', '<p>Hello 🚢</p>' ), array( $data['post_id'], $data['post_type'], $data['title'], $data['status'], $data['author'], $data['content'] ) );
		$this->assertMatchesRegularExpression( '/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/', $data['published_at'] );
		$this->assertSame( array( 'post.published', (string) $id ), array( $rows[0]['event_type'], (string) $rows[0]['post_id'] ) );
		$this->assertCount( 0, array_diff( array_keys( $data ), array( 'post_id', 'post_type', 'title', 'url', 'status', 'author', 'excerpt', 'content', 'published_at', 'truncated' ) ), 'the schema allows nothing else' );
	}

	public function test_an_update_does_not_report_it_again(): void {
		$id = wp_insert_post( array( 'post_title' => 'a', 'post_content' => 'b', 'post_status' => 'publish' ) );
		wp_update_post( array( 'ID' => $id, 'post_title' => 'c' ) );
		self::rest( 'POST', "/wp/v2/posts/$id", array( 'title' => 'd' ) );
		$this->assertCount( 1, $this->events_of( $id ) );
	}

	public function test_a_draft_is_reported_when_it_is_published_and_not_before(): void {
		$id = wp_insert_post( array( 'post_title' => 'a', 'post_content' => 'b', 'post_status' => 'draft' ) );
		wp_save_post_revision( $id );
		$this->assertCount( 0, $this->events_of( $id ) );
		wp_update_post( array( 'ID' => $id, 'post_status' => 'publish' ) );
		$this->assertCount( 1, $this->events_of( $id ) );
	}

	public function test_revisions_autosaves_pending_and_scheduled_posts_are_not_reported(): void {
		global $wpdb;
		$id = wp_insert_post( array( 'post_title' => 'a', 'post_content' => 'b', 'post_status' => 'pending' ) );
		wp_insert_post( array( 'post_title' => 'f', 'post_content' => 'b', 'post_status' => 'future', 'post_date' => '2099-01-01 00:00:00' ) );
		_wp_put_post_revision( $id );
		_wp_put_post_revision( array( 'ID' => $id, 'post_content' => 'auto' ) + get_post( $id, ARRAY_A ), true );
		wp_insert_post( array( 'post_title' => 'private type', 'post_content' => 'x', 'post_status' => 'publish', 'post_type' => 'wp_block' ) );
		do_action( 'pressferry_capture' );
		$this->assertSame( 0, array_sum( $this->outbox->summary()['counts'] ) );
	}

	public function test_a_scheduled_post_is_reported_when_its_time_comes(): void {
		$id = wp_insert_post( array( 'post_title' => 'f', 'post_content' => 'b', 'post_status' => 'future', 'post_date' => '2099-01-01 00:00:00' ) );
		wp_publish_post( $id );
		$this->assertCount( 1, $this->events_of( $id ) );
	}

	public function test_a_post_behind_a_password_stays_here_unless_a_filter_says_otherwise(): void {
		$id = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'publish', 'post_password' => 'x' ) );
		$this->assertCount( 0, $this->events_of( $id ) );
		add_filter( 'pressferry_should_send', '__return_true' );
		$id = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'publish', 'post_password' => 'x' ) );
		$this->assertCount( 1, $this->events_of( $id ) );
	}

	public function test_filters_change_the_payload_before_it_is_frozen_and_can_hold_it_back(): void {
		add_filter( 'pressferry_event_payload', static function ( $data ) {
			return array( 'meta' => array( 'team' => 'blue' ) ) + $data;
		} );
		$id = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'publish' ) );
		$this->assertSame( 'blue', json_decode( $this->events_of( $id )[0]['payload'], true )['meta']['team'] );
		add_filter( 'pressferry_should_send', '__return_false' );
		$id = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'publish' ) );
		$this->assertCount( 0, $this->events_of( $id ) );
	}

	public function test_a_fault_in_a_filter_never_breaks_the_save(): void {
		$reported = array();
		add_action( 'pressferry_record_failed', static function ( $class ) use ( &$reported ) {
			$reported[] = $class;
		} );
		add_filter( 'pressferry_event_payload', static function () {
			throw new \TypeError( 'broken filter' );
		} );
		$id = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'publish' ) );
		do_action( 'pressferry_capture' );
		$this->assertSame( 'publish', get_post_status( $id ) );
		$this->assertSame( array( 'TypeError' ), $reported );
		$this->assertSame( array( 1, 'TypeError' ), array( Recorder::faults()['count'], Recorder::faults()['class'] ) );
	}

	public function test_saving_sends_nothing_inside_the_visitors_request(): void {
		wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'publish' ) );
		do_action( 'pressferry_capture' );
		$this->assertCount( 0, $this->ingress->requests );
	}

	public function test_a_block_attribute_on_which_regular_expressions_give_up_leaves_the_content(): void {
		$attribute = str_repeat( 'a', 1200000 );
		$id        = wp_insert_post( array( 'post_title' => 'p', 'post_content' => '<!-- wp:x {"a":"' . $attribute . '"} --><p>kept</p><!-- /wp:x -->', 'post_status' => 'publish' ) );
		$this->assertSame( '<p>kept</p>', json_decode( $this->events_of( $id )[0]['payload'], true )['content'] );
	}

	public function test_block_comments_go_and_all_else_stays(): void {
		$cases = array(
			'<!-- wp:paragraph --><p>a</p><!-- /wp:paragraph -->' => '<p>a</p>',
			"<!-- wp:group {\"a\":{\"b\":\"c\"}} -->\n<div>\n<!-- wp:spacer /-->\nx</div>\n<!-- /wp:group -->" => "<div>\nx</div>",
			'a<!--more-->b<!-- note -->c'                       => 'a<!--more-->b<!-- note -->c',
			'a <!-- wp:unclosed'                                => 'a <!-- wp:unclosed',
			'<!--wp:x-->a<!--/wp:x-->'                          => 'a',
			'a<!--'                                             => 'a<!--',
			'1 < 2 <!-- /'                                      => '1 < 2 <!-- /',
			''                                                  => '',
		);
		foreach ( $cases as $html => $text ) {
			$this->assertSame( $text, Text::without_block_comments( $html ), $html );
		}
	}

	public function test_an_empty_meta_of_a_filter_is_written_as_the_map_that_the_schema_wants(): void {
		add_filter( 'pressferry_event_payload', static function ( $data ) {
			return $data + array( 'meta' => array() );
		} );
		$id = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'publish' ) );
		$this->assertStringContainsString( '"meta":{}', $this->events_of( $id )[0]['payload'] );
	}

	public function test_what_is_true_at_the_end_of_the_request_is_reported_once(): void {
		$id = wp_insert_post( array( 'post_title' => 'first', 'post_content' => 'b', 'post_status' => 'publish' ) );
		wp_update_post( array( 'ID' => $id, 'post_title' => 'second', 'post_status' => 'draft' ) );
		wp_update_post( array( 'ID' => $id, 'post_title' => 'third', 'post_status' => 'publish' ) );
		$rows = $this->events_of( $id );
		$this->assertCount( 1, $rows );
		$this->assertSame( 'third', json_decode( $rows[0]['payload'], true )['title'] );
	}

	public function test_what_is_published_twice_within_a_second_with_another_text_is_two_events(): void {
		$id    = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'first', 'post_status' => 'publish' ) );
		$this->events_of( $id );
		$again = static function ( string $content ) use ( $id ): void {
			global $wpdb;
			wp_update_post( array( 'ID' => $id, 'post_status' => 'draft' ) );
			do_action( 'pressferry_capture' );
			wp_update_post( array( 'ID' => $id, 'post_status' => 'publish', 'post_content' => $content ) );
			// Whatever this machine took: both in one second.
			$wpdb->update( $wpdb->posts, array( 'post_modified_gmt' => get_post_field( 'post_date_gmt', $id ) ), array( 'ID' => $id ) );
			clean_post_cache( $id );
		};
		$again( 'second' );
		$rows = $this->events_of( $id );
		$this->assertSame( array( '"second"', '"first"' ), array_map( static function ( $row ) {
			return (string) wp_json_encode( json_decode( $row['payload'] )->content );
		}, $rows ) );
		$again( 'second' );
		$this->assertCount( 2, $this->events_of( $id ), 'nothing that anybody could read has changed' );
	}

	public function test_a_post_that_is_not_public_any_more_when_the_request_ends_is_not_reported(): void {
		$id = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'publish' ) );
		wp_trash_post( $id );
		$this->assertCount( 0, $this->events_of( $id ) );
	}

	public function test_a_post_whose_password_is_removed_later_is_reported_then(): void {
		$id = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'publish', 'post_password' => 'x' ) );
		$this->assertCount( 0, $this->events_of( $id ) );
		wp_update_post( array( 'ID' => $id, 'post_password' => '' ) );
		$this->assertCount( 1, $this->events_of( $id ) );
		wp_update_post( array( 'ID' => $id, 'post_title' => 'q' ) );
		$this->assertCount( 1, $this->events_of( $id ) );
	}

	public function test_in_a_bulk_edit_events_do_not_wait_for_the_end(): void {
		for ( $i = 0; $i < Recorder::MAX_WAITING; $i++ ) {
			wp_insert_post( array( 'post_title' => 'p', 'post_name' => wp_generate_uuid4(), 'post_content' => 'b', 'post_status' => 'publish' ) );
		}
		$this->assertSame( Recorder::MAX_WAITING, $this->outbox->summary()['counts']['pending'] );
	}

	public function test_a_post_is_reported_once_from_wherever_it_is_published(): void {
		require_once ABSPATH . 'wp-admin/includes/admin.php';
		$ways = array(
			'code'         => static function ( int $id ): void {
				wp_update_post( array( 'ID' => $id, 'post_status' => 'publish' ) );
			},
			'the editor, which saves twice'  => static function ( int $id ): void {
				self::rest( 'POST', "/wp/v2/posts/$id", array( 'status' => 'publish' ) );
				do_action( 'pressferry_capture' );
				// The second request of the block editor, for meta boxes.
				edit_post( array( 'post_ID' => $id, 'post_type' => 'post', 'post_status' => 'publish', 'original_post_status' => 'publish', 'post_title' => 'a', 'content' => 'b' ) );
			},
			'quick edit'   => static function ( int $id ): void {
				edit_post( array( 'post_ID' => $id, 'post_type' => 'post', 'post_status' => 'publish', 'original_post_status' => 'draft', 'post_title' => 'a', 'content' => 'b' ) );
			},
			'a bulk edit'  => static function ( int $id ): void {
				bulk_edit_posts( array( 'post' => array( $id ), 'post_type' => 'post', '_status' => 'publish', 'post_author' => -1, 'comment_status' => '', 'ping_status' => '', 'post_category' => array(), 'tax_input' => array(), 'post_format' => '-1', 'post_view' => 'list', 'page_template' => '', 'post_parent' => -1, 'sticky' => '-1', 'keep_private' => '' ) );
			},
			'the schedule, by two crons' => static function ( int $id ): void {
				wp_update_post( array( 'ID' => $id, 'post_status' => 'future', 'post_date' => gmdate( 'Y-m-d H:i:s', time() + 3600 ), 'post_date_gmt' => gmdate( 'Y-m-d H:i:s', time() + 3600 ), 'edit_date' => true ) );
				do_action( 'pressferry_capture' );
				wp_publish_post( $id );
				do_action( 'pressferry_capture' );
				wp_transition_post_status( 'publish', 'future', get_post( $id ) );
			},
			'approval'     => static function ( int $id ): void {
				wp_update_post( array( 'ID' => $id, 'post_status' => 'pending' ) );
				wp_update_post( array( 'ID' => $id, 'post_status' => 'publish' ) );
			},
			'making it public' => static function ( int $id ): void {
				wp_update_post( array( 'ID' => $id, 'post_status' => 'private' ) );
				do_action( 'pressferry_capture' );
				wp_update_post( array( 'ID' => $id, 'post_status' => 'publish' ) );
			},
			'the bin'      => static function ( int $id ): void {
				wp_trash_post( $id );
				do_action( 'pressferry_capture' );
				wp_untrash_post( $id );
				wp_publish_post( $id );
			},
		);
		foreach ( $ways as $what => $publish ) {
			$id = (int) wp_insert_post( array( 'post_title' => 'a', 'post_name' => wp_generate_uuid4(), 'post_content' => 'b', 'post_status' => 'draft' ) );
			do_action( 'pressferry_capture' );
			$this->assertCount( 0, $this->outbox->find( 'object_ref', (string) $id ), $what );
			$publish( $id );
			$this->assertCount( 1, $this->events_of( $id ), $what );
			wp_update_post( array( 'ID' => $id, 'post_title' => 'again' ) );
			wp_create_post_autosave( array( 'post_ID' => $id, 'post_type' => 'post', 'post_title' => 'auto', 'content' => 'auto', 'excerpt' => '' ) );
			$this->assertCount( 1, $this->events_of( $id ), "$what, and edited later" );
		}
	}

	public function test_a_password_that_comes_and_goes_tells_each_time_only_what_everyone_can_read(): void {
		$id = wp_insert_post( array( 'post_title' => 'p', 'post_content' => 'b', 'post_status' => 'future', 'post_date' => '2099-01-01 00:00:00', 'post_password' => 'x' ) );
		wp_publish_post( $id );
		$this->assertCount( 0, $this->events_of( $id ), 'scheduled behind a password' );
		wp_update_post( array( 'ID' => $id, 'post_password' => 'y' ) );
		$this->assertCount( 0, $this->events_of( $id ), 'another password' );
		wp_update_post( array( 'ID' => $id, 'post_password' => '', 'post_status' => 'draft', 'post_date' => '2020-01-01 00:00:00', 'post_date_gmt' => '2020-01-01 00:00:00', 'edit_date' => true ) );
		$this->assertCount( 0, $this->events_of( $id ), 'no password, but no post either' );
		wp_update_post( array( 'ID' => $id, 'post_status' => 'publish' ) );
		$this->assertCount( 1, $this->events_of( $id ) );
		wp_update_post( array( 'ID' => $id, 'post_password' => 'z' ) );
		$this->assertCount( 1, $this->events_of( $id ) );
	}
}
