<?php
namespace Pressferry\Tests;

use Pressferry\Admin\FieldsTab;
use Pressferry\Admin\Preview;
use Pressferry\Contract\Samples;
use Pressferry\Contract\Shapes;
use Pressferry\Events\Fields;
use Pressferry\Outbox\Payload;
use Pressferry\Outbox\Schema;

final class FieldsTest extends ScenarioCase {
	protected function setUp(): void {
		parent::setUp();
		wp_set_current_user( 1 );
	}

	protected function tearDown(): void {
		Schema::allow( array() );
		remove_all_filters( 'pressferry_event_payload' );
		remove_all_filters( 'pressferry_should_send' );
		parent::tearDown();
	}

	private static function page(): string {
		ob_start();
		( new FieldsTab() )->render();
		return (string) ob_get_clean();
	}

	/**
	 * What a browser sends of the tab: each box that is ticked and not disabled, each text.
	 */
	private static function form( string $page ): array {
		preg_match_all( '#<input type="checkbox" name="fields\[([^\]]+)\]\[\]" value="([^"]+)"([^>]*)>#', $page, $boxes, PREG_SET_ORDER );
		$form = array( 'fields' => array(), 'names' => array() );
		foreach ( $boxes as list( , $type, $path, $attributes ) ) {
			if ( false !== strpos( $attributes, 'checked' ) && false === strpos( $attributes, 'disabled' ) ) {
				$form['fields'][ $type ][] = $path;
			}
		}
		preg_match_all( '#<textarea name="names\[([^\]]+)\]\[([^\]]+)\]"[^>]*>([^<]*)<#', $page, $texts, PREG_SET_ORDER );
		foreach ( $texts as list( , $type, $path, $text ) ) {
			$form['names'][ $type ][ $path ] = html_entity_decode( $text );
		}
		return $form;
	}

	private static function without( array $form, string $type, string ...$paths ): array {
		$form['fields'][ $type ] = array_values( array_diff( $form['fields'][ $type ], $paths ) );
		return $form;
	}

	public function test_all_leaves_until_someone_chooses_and_saving_the_untouched_screen_is_no_choice(): void {
		foreach ( Samples::TYPES as $type => $sample ) {
			$this->assertSame( $sample, Fields::allowed( $sample, $type ) );
		}
		$tab = new FieldsTab();
		$this->assertSame( 'saved', $tab->act( self::form( self::page() ) ) );
		$this->assertSame( array( array(), Schema::VERSION ), array( Schema::fields(), get_option( Schema::OPTION ) ) );
	}

	public function test_what_is_not_ticked_stays_here_also_what_a_filter_adds_and_the_screen_remembers_it(): void {
		$tab = new FieldsTab();
		$tab->act( self::without( self::form( self::page() ), 'post.published', 'author', 'meta' ) );
		add_filter( 'pressferry_event_payload', static function ( $data ) {
			return array( 'meta' => array( 'team' => 'blue' ), 'more' => 1 ) + $data;
		} );
		$data = json_decode( $this->rows( 'object_ref = ' . $this->publish( array( 'post_excerpt' => 'short' ) ) )[0]['payload'], true );
		$this->assertSame( array( 'post_id', 'post_type', 'title', 'url', 'status', 'excerpt', 'content', 'published_at' ), array_keys( $data ) );
		$before = Schema::fields();
		$tab->act( self::form( self::page() ) );
		$this->assertSame( $before, Schema::fields(), 'saving it again changes nothing' );
		Schema::switch_off( array( 'users' ) );
		$this->assertSame( $before, Schema::fields(), 'nor does another choice' );
	}

	public function test_members_of_a_customer_of_items_and_of_a_form_can_be_chosen_one_by_one(): void {
		$tab  = new FieldsTab();
		$form = self::without( self::form( self::page() ), 'order.paid', 'customer.phone', 'customer.company', 'items.sku', 'items.product_id' );
		$form['names']['form.submitted']['fields'] = "email\r\n topics \n\n";
		$tab->act( $form );
		$order = Fields::allowed( Samples::TYPES['order.paid'], 'order.paid' );
		$this->assertCount( 0, array_intersect( array( 'phone', 'company' ), array_keys( $order['customer'] ) ) );
		$this->assertArrayHasKey( 'email', $order['customer'] );
		$this->assertCount( 0, array_intersect( array( 'sku', 'product_id' ), array_keys( $order['items'][0] ) ) );
		$form = Fields::allowed( array( 'fields' => (object) array( 'email' => 'a', 'phone' => '1', 'topics' => array( 'b' ) ) ) + Samples::TYPES['form.submitted'], 'form.submitted' );
		$this->assertSame( '{"email":"a","topics":["b"]}', wp_json_encode( $form['fields'] ) );
		$this->assertSame( "email\ntopics", self::form( self::page() )['names']['form.submitted']['fields'] );
		$tab->act( self::without( self::form( self::page() ), 'order.paid', ...preg_grep( '/^(customer|items)\./', array_keys( Fields::choices( 'order.paid' ) ) ) ) );
		$this->assertCount( 0, array_intersect( array( 'customer', 'items' ), array_keys( Fields::allowed( Samples::TYPES['order.paid'], 'order.paid' ) ) ) );
	}

	public function test_whatever_is_chosen_the_event_has_what_its_schema_requires_and_nothing_else_that_was_not_chosen(): void {
		foreach ( Samples::TYPES as $type => $sample ) {
			$choices = Fields::choices( $type );
			for ( $i = 0; $i < 40; $i++ ) {
				$chosen = array_values( array_filter( array_keys( $choices ), static function (): bool {
					return 1 === random_int( 0, 1 );
				} ) );
				Fields::choose( array( $type => $chosen ) );
				$data = json_decode( (string) Payload::freeze( Fields::allowed( $sample, $type ), $type ), true );
				$this->assert_required( $data, Shapes::TYPES[ $type ], $type );
				foreach ( array_diff( array_keys( $choices, Fields::OPTIONAL, true ), $chosen ) as $path ) {
					list( $name, $inner ) = explode( '.', $path . '.' );
					$kept = '' === $inner ? $data[ $name ] ?? null : $data[ $name ][ $inner ] ?? $data[ $name ][0][ $inner ] ?? null;
					$is_needed = isset( $data[ $name ] ) && in_array( $inner, Shapes::TYPES[ $type ]['members'][ $name ]['items']['required'] ?? array(), true );
					$this->assertTrue( null === $kept || $is_needed, "$type $path of " . implode( ' ', $chosen ) );
				}
			}
		}
	}

	private function assert_required( array $data, array $shape, string $where ): void {
		foreach ( $shape['required'] ?? array() as $name ) {
			$this->assertArrayHasKey( $name, $data, $where );
		}
		foreach ( $data as $name => $value ) {
			$kind = $shape['members'][ $name ] ?? '';
			if ( isset( $kind['members'] ) ) {
				$this->assert_required( $value, $kind, "$where.$name" );
			}
			foreach ( isset( $kind['items']['members'] ) ? $value : array() as $item ) {
				$this->assert_required( $item, $kind['items'], "$where.$name" );
			}
		}
	}

	public function test_garbage_chooses_nothing(): void {
		$tab = new FieldsTab();
		$tab->act( array( 'fields' => array( 'post.published' => array( 'title', 'nonsense', '<b>', array( 'x' ), 'content.x' ), 'no.type' => array( 'a' ) ), 'names' => 'x' ) );
		$this->assertSame( array( 'title' ), Schema::fields()['post.published'] );
		$this->assertArrayNotHasKey( 'no.type', Schema::fields() );
		update_option( Schema::OPTION, array( 'version' => Schema::VERSION, 'fields' => 'x' ) );
		$this->assertSame( array(), Schema::fields() );
		update_option( Schema::OPTION, array( 'version' => Schema::VERSION, 'fields' => array( 'post.published' => 7 ) ) );
		$data = json_decode( $this->rows( 'object_ref = ' . $this->publish() )[0]['payload'], true );
		$this->assertSame( array( 'post_id', 'post_type', 'title', 'url', 'published_at' ), array_keys( $data ), 'what nobody can read allows no more than must leave' );
	}

	public function test_the_preview_is_what_leaves(): void {
		$id = $this->publish( array( 'post_title' => '<script>alert(1)</script> Newest', 'post_date' => gmdate( 'Y-m-d H:i:s', time() - 1 ) ) );
		Fields::choose( array( 'post.published' => array( 'content' ) ) );
		$id = $this->publish( array( 'post_title' => 'The &amp; newest', 'post_content' => '<b>bold</b>' ) );
		$this->assertSame( json_decode( $this->rows( "object_ref = '$id'" )[0]['payload'], true ), json_decode( Preview::of( 'post.published' )['json'], true ) );
		$page = self::page();
		$this->assertStringContainsString( '&lt;b&gt;bold&lt;/b&gt;', $page );
		foreach ( array_keys( Samples::TYPES ) as $type ) {
			$this->assertNotEmpty( json_decode( Preview::of( $type )['json'], true ), $type );
		}
		$this->assertCount( 2, $this->rows(), 'a preview records nothing' );
	}

	public function test_the_preview_says_if_a_filter_holds_an_event_back_or_fails(): void {
		add_filter( 'pressferry_should_send', '__return_false' );
		$this->assertSame( '', Preview::of( 'comment.created' )['json'] );
		remove_all_filters( 'pressferry_should_send' );
		add_filter( 'pressferry_event_payload', static function () {
			throw new \TypeError( 'x' );
		} );
		$this->assertStringContainsString( 'TypeError', Preview::of( 'comment.created' )['origin'] );
	}
}
