<?php
namespace Pressferry\Tests;

require_once __DIR__ . '/support/FakeForms.php';

/**
 * The form plugins that cannot be had here, by their hooks as their sources fire them.
 */
final class FormsTest extends ScenarioCase {
	private function data(): array {
		$this->end_request();
		$rows = $this->rows();
		$this->assertCount( 1, $rows );
		$this->assertSame( 'form.submitted', $rows[0]['event_type'] );
		$data = json_decode( $rows[0]['payload'], true );
		$this->assertCount( 0, array_diff( array_keys( $data ), array( 'form_id', 'form_name', 'entry_id', 'page_url', 'submitted_at', 'fields' ) ), 'the schema allows nothing else' );
		return $data;
	}

	private function nothing(): void {
		$this->end_request();
		$this->assertCount( 0, $this->rows() );
	}

	private static function cf7_posts( array $posted ): void {
		if ( defined( 'WPCF7_VERSION' ) ) {
			self::markTestSkipped( 'Contact Form 7 itself is loaded' );
		}
		\WPCF7_Submission::$posted = $posted;
		\WPCF7_Submission::$meta   = array( 'url' => 'https://site.example/contact/', 'container_post_id' => 3 );
	}

	public function test_contact_form_7_gives_what_was_entered_but_no_file_and_no_quiz(): void {
		self::cf7_posts( array( 'email' => 'ada@site.example', 'cv' => 'a hash', 'sum' => '4', 'topics' => array( 'a', 'b' ) ) );
		FakeForms::cf7( 'mail_failed' );
		$data = $this->data();
		$this->assertSame( array( 'email' => 'ada@site.example', 'topics' => array( 'a', 'b' ) ), $data['fields'] );
		$this->assertSame( array( '7', 'Contact', 'https://site.example/contact/', '3' ), array( $data['form_id'], $data['form_name'], $data['page_url'], $this->rows()[0]['post_id'] ) );
	}

	public function test_contact_form_7_gives_nothing_of_spam_faults_and_demonstrations(): void {
		self::cf7_posts( array( 'email' => 'x' ) );
		foreach ( array( 'spam', 'validation_failed', 'acceptance_missing', 'aborted', 'error' ) as $status ) {
			FakeForms::cf7( $status );
		}
		FakeForms::cf7( 'mail_sent', array( 'demo_mode' => true ) );
		$this->nothing();
	}

	public function test_wpforms_gives_labels_and_no_password_and_an_id_where_nothing_is_stored(): void {
		FakeForms::wpforms( 0 );
		$data = $this->data();
		$this->assertSame( array( 'Name' => 'Ada Lovelace', 'Topics' => "Prices\nFerries", 'Name (4)' => 'again' ), $data['fields'] );
		$this->assertMatchesRegularExpression( '/^[0-9a-f-]{36}$/', $data['entry_id'] );
		FakeForms::wpforms( '' );
		$this->assertCount( 2, $this->rows() );
	}

	public function test_a_stored_entry_that_is_reported_twice_is_one_event(): void {
		FakeForms::wpforms( 311 );
		FakeForms::wpforms( 311 );
		$this->assertSame( '311', $this->data()['entry_id'] );
	}

	public function test_gravity_forms_gives_parts_as_one_text_and_choices_as_a_list_and_no_password(): void {
		FakeForms::gravity( 'active' );
		$data = $this->data();
		$this->assertSame( array( 'Name' => 'Ada Lovelace', 'Topics' => array( 'Ferries' ), '4' => 'Hello' ), $data['fields'] );
		$this->assertSame( array( '5', '77', 'gravityforms:5:77' ), array( $data['form_id'], $data['entry_id'], $this->rows()[0]['object_ref'] ) );
	}

	public function test_gravity_forms_gives_nothing_of_spam(): void {
		FakeForms::gravity( 'spam' );
		$this->nothing();
	}

	public function test_ninja_forms_gives_lists_of_texts_and_nothing_of_a_preview(): void {
		FakeForms::ninja( true );
		$this->nothing();
		FakeForms::ninja( false );
		$this->assertSame( array( 'email' => 'ada@site.example', 'topics' => array( 'prices', '3' ) ), $this->data()['fields'] );
	}

	public function test_elementor_gives_no_password(): void {
		FakeForms::elementor();
		$this->assertSame( array( 'email' => 'ada@site.example' ), $this->data()['fields'] );
	}

	public function test_nested_fields_become_fields_of_their_own_and_objects_stay_here(): void {
		$event = \Pressferry\Events\Forms\Submission::event( 'x', array( 'form_id' => 1, 'fields' => array( 'address' => array( 'city' => 'Kärdla', 'geo' => array( 'lat' => 59 ) ), 'rows' => array( array( 'a' => 1 ) ), 'file' => new \stdClass(), 'ok' => true, 'none' => null, 'empty' => array() ) ) );
		$this->assertSame( '{"address.city":"K\u00e4rdla","address.geo.lat":59,"rows.0.a":1,"ok":true,"none":null,"empty":[]}', wp_json_encode( $event->data['fields'] ) );
	}
}
