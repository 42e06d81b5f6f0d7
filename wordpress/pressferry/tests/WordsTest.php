<?php
namespace Pressferry\Tests;

use Pressferry\Admin\Area;
use Pressferry\Callback\Inbox;
use Pressferry\Clock;
use Pressferry\Consumers\LeadScore;

require_once ABSPATH . 'wp-admin/includes/admin.php';

/**
 * Whether everything that people read can be translated: a language that puts marks around each text shows what it did not reach.
 */
final class WordsTest extends ScenarioCase {
	protected function setUp(): void {
		parent::setUp();
		wp_set_current_user( 1 );
		set_current_screen( 'settings_page_pressferry' );
		add_filter( 'gettext', array( self::class, 'mark' ), 10, 3 );
	}

	protected function tearDown(): void {
		remove_filter( 'gettext', array( self::class, 'mark' ) );
		unset( $GLOBALS['current_screen'] );
		$_GET = array();
		wp_set_current_user( 0 );
		unload_textdomain( 'pressferry' );
		parent::tearDown();
	}

	public static function mark( $text, $original, $domain ) {
		return 'pressferry' === $domain ? "«{$text}»" : $text;
	}

	private static function made( string $name ): object {
		$method = new \ReflectionMethod( Area::class, $name );
		$method->setAccessible( true );
		return $method->invoke( self::hooked( 'admin_menu', Area::class ) );
	}

	/**
	 * What stands in a page and is neither marked, nor data in <bdi> or <code>, nor WordPress' own.
	 */
	private static function unmarked( callable $print ): array {
		ob_start();
		$print();
		$html = (string) ob_get_clean();
		$html = (string) preg_replace( '#&[a-z]+;|<(bdi|code|script|style|option)\b[^>]*>.*?</\1>#s', '', $html );
		$text = (string) preg_replace( '/«[^»]*»/u', '', wp_strip_all_tags( (string) preg_replace( '/<[^>]+>/', ' ', $html ) ) );
		preg_match_all( '/[A-Za-z]{4,}/', (string) preg_replace( '#https?://\S+#', '', $text ), $words );
		$of_wordpress = array( 'Pressferry', 'Select', 'Save', 'Changes', 'current', 'Current', 'page', 'Page', 'items', 'item', 'Show', 'more', 'details', 'January', 'February', 'March', 'April', 'June', 'July', 'August', 'September', 'October', 'November', 'December' );
		return array_values( array_unique( array_diff( $words[0], $of_wordpress ) ) );
	}

	public function test_every_word_of_the_screen_can_be_translated(): void {
		$this->answer( FakeIngress::response( 422, array( 'code' => 'data_invalid' ), array( 'content-type' => 'application/problem+json' ) ), FakeIngress::accepted(), FakeIngress::response( 503, '' ) );
		$this->publish();
		$this->publish();
		$this->publish();
		$this->tick();
		foreach ( array( 'status', 'connect', 'settings', 'log' ) as $tab ) {
			$_GET = array( 'page' => 'pressferry', 'tab' => $tab );
			$this->assertSame( array(), self::unmarked( array( self::made( 'screen' ), 'render' ) ), $tab );
		}
	}

	public function test_every_word_of_the_box_of_results_can_be_translated(): void {
		$id    = $this->publish();
		$inbox = new Inbox( new Clock() );
		foreach ( array( 'succeeded', 'failed' ) as $status ) {
			$inbox->store( array( 'result_id' => wp_generate_uuid4(), 'request_id' => '', 'idempotency_key' => '', 'event_type' => 'post.published', 'object_ref' => '1', 'automation' => 'sum', 'status' => $status, 'output' => array( 'a' => 'b' ), 'error' => array( 'a' => 'b' ), 'completed_at' => '2026-11-24T06:00:00.000Z' ), $id );
		}
		$this->assertSame( array(), self::unmarked( static function () use ( $id ): void {
			self::made( 'results_box' )->render( get_post( $id ) );
		} ) );
	}

	public function test_a_note_at_an_order_is_in_the_sites_language_though_a_push_wrote_it(): void {
		require_once __DIR__ . '/support/FakeShop.php';
		remove_filter( 'gettext', array( self::class, 'mark' ) );
		$order = new class() {
			public $notes = array();
			public function add_order_note( string $note ): void {
				$this->notes[] = $note;
			}
		};
		FakeShop::$orders[4712] = $order;
		$german                 = static function () {
			return 'de_DE';
		};
		add_filter( 'locale', $german );
		LeadScore::take( array( 'event_type' => 'order.paid', 'object_ref' => '4712', 'output' => array( 'score' => '87' ) ) );
		remove_filter( 'locale', $german );
		$this->assertSame( array( 'Bewertung des Leads: 87' ), $order->notes );
	}
}
