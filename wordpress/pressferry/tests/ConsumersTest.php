<?php
namespace Pressferry\Tests;

use Pressferry\Consumers\Consumers;

final class ConsumersTest extends ScenarioCase {
	protected function setUp(): void {
		parent::setUp();
		// Another test took every listener away.
		remove_all_filters( 'pressferry_result' );
		Consumers::register();
		$_SERVER['REMOTE_ADDR'] = '192.0.2.1';
	}

	protected function tearDown(): void {
		unset( $_SERVER['REMOTE_ADDR'] );
		delete_option( Consumers::OPTION );
		parent::tearDown();
	}

	public function test_nothing_is_done_with_a_result_unless_it_was_switched_on(): void {
		$id = $this->publish();
		$this->receive( (string) $id, array( 'summary' => 'It waits.' ) );
		$this->assertSame( '', get_post( $id )->post_excerpt );
	}

	public function test_a_summary_becomes_the_excerpt_and_never_replaces_a_persons(): void {
		Consumers::switch_on( array( 'excerpt' ) );
		$id = $this->publish();
		$this->receive( (string) $id, array( 'summary' => '<b>It</b> waits for "fog" \ sun.' ) );
		$this->assertSame( 'It waits for "fog" \ sun.', get_post( $id )->post_excerpt );
		$this->receive( (string) $id, array( 'summary' => 'A newer one.' ) );
		$this->assertSame( 'A newer one.', get_post( $id )->post_excerpt, 'its own may be replaced' );
		wp_update_post( array( 'ID' => $id, 'post_excerpt' => 'Mine.' ) );
		$this->receive( (string) $id, array( 'summary' => 'The newest.' ) );
		$this->assertSame( 'Mine.', get_post( $id )->post_excerpt );
		$this->end_request();
		$this->assertCount( 1, $this->rows( "object_ref = '$id'" ), 'and no event comes of it' );
	}

	public function test_taking_a_summary_changes_nothing_else_of_the_post(): void {
		Consumers::switch_on( array( 'excerpt' ) );
		$markup = '<!-- wp:html --><iframe src="https://maps.example/ferry"></iframe><style>.x{color:red}</style><form action="/go"><input name="q"></form><!-- /wp:html -->' . "\n" . '<p onclick="sail()">C:\\new "quoted"</p>';
		wp_set_current_user( 1 );
		kses_remove_filters();
		$id = $this->publish( array( 'post_title' => 'A &amp; B <em>x</em>', 'post_content' => wp_slash( $markup ), 'post_status' => 'publish' ) );
		// A push has no user, nor has WP-Cron.
		wp_set_current_user( 0 );
		kses_init();
		$before = get_post( $id, ARRAY_A );
		$this->assertSame( $markup, $before['post_content'] );
		$this->receive( (string) $id, array( 'summary' => 'It waits.' ) );
		$after = get_post( $id, ARRAY_A );
		$this->assertSame( 'It waits.', $after['post_excerpt'] );
		$this->assertSame( array(), array_diff_assoc( array_diff_key( $after, array_flip( array( 'post_excerpt', 'post_modified', 'post_modified_gmt', 'post_category', 'tags_input', 'ancestors' ) ) ), $before ) );
		$this->assertTrue( false !== has_filter( 'content_save_pre', 'wp_filter_post_kses' ), 'what else this request saves is filtered as before' );
		wp_set_current_user( 0 );
	}

	public function test_alternative_texts_are_taken_for_the_posts_own_images_that_have_none(): void {
		Consumers::switch_on( array( 'alt' ) );
		$id    = $this->publish();
		$image = static function ( int $parent, string $alt = '' ): int {
			$image = wp_insert_post( array( 'post_type' => 'attachment', 'post_parent' => $parent, 'post_title' => 'x', 'post_status' => 'inherit' ) );
			'' === $alt || update_post_meta( $image, '_wp_attachment_image_alt', $alt );
			return $image;
		};
		list( $own, $described, $other ) = array( $image( $id ), $image( $id, 'By hand' ), $image( 0 ) );
		$alts = static function ( int ...$images ): array {
			return array_map(
				static function ( int $image ) {
					return get_post_meta( $image, '_wp_attachment_image_alt', true );
				},
				$images
			);
		};
		$this->receive( (string) $id, array( 'alt_texts' => array( $own => 'A <i>ferry</i>', $described => 'new', $other => 'new', 'x' => 'new' ) ) );
		$this->assertSame( array( 'A ferry', 'By hand', '' ), $alts( $own, $described, $other ) );

		$second = $image( $id );
		$list   = array();
		foreach ( array( $second, $described, $other, array( $other ), null ) as $of ) {
			$list[] = array( 'attachment_id' => $of, 'alt_text' => 'The <b>quay</b>' );
		}
		$this->receive( (string) $id, array( 'alt_texts' => array_merge( array( array( 'alt_text' => 'new' ), array( 'attachment_id' => $second ) ), $list ) ) );
		$this->assertSame( array( 'The quay', 'By hand', '' ), $alts( $second, $described, $other ) );
	}

	public function test_the_draft_of_an_answer_awaits_moderation_and_makes_no_event(): void {
		Consumers::switch_on( array( 'reply' ) );
		$id      = $this->publish();
		$comment = wp_new_comment( array( 'comment_post_ID' => $id, 'comment_author' => 'Ada', 'comment_author_email' => 'ada@example.com', 'comment_author_url' => '', 'comment_content' => 'When does it sail? ' . wp_generate_uuid4(), 'comment_type' => 'comment', 'comment_parent' => 0, 'user_id' => 0 ), true );
		$this->assertIsInt( $comment );
		$this->end_request();
		$this->receive( (string) $comment, array( 'draft' => 'At <script>x</script>noon.' ), 'comment.created' );
		$replies = get_comments( array( 'parent' => $comment, 'status' => 'hold' ) );
		$this->assertCount( 1, $replies );
		$this->assertSame( array( 'At noon.', '0', (string) $id ), array( $replies[0]->comment_content, $replies[0]->comment_approved, $replies[0]->comment_post_ID ) );
		$this->end_request();
		wp_set_comment_status( (int) $replies[0]->comment_ID, 'approve' );
		$this->end_request();
		$this->assertCount( 1, $this->rows( "event_type = 'comment.created'" ), 'else the answer would be answered' );
	}

	public function test_a_score_is_noted_at_the_order(): void {
		require_once __DIR__ . '/support/FakeShop.php';
		Consumers::switch_on( array( 'score' ) );
		$noted = array();
		$order = new class( $noted ) {
			private $noted;
			public function __construct( array &$noted ) {
				$this->noted = &$noted;
			}
			public function add_order_note( string $note ): void {
				$this->noted[] = $note;
			}
		};
		FakeShop::$orders[4711] = $order;
		\Pressferry\Consumers\LeadScore::take( array( 'event_type' => 'order.paid', 'object_ref' => '4711', 'output' => array( 'score' => '87', 'reason' => 'Asked twice.' ) ) );
		$this->assertSame( array( "Lead score: 87\nAsked twice." ), $noted );
	}
}
