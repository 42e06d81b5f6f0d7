<?php
namespace Pressferry\Tests;

/**
 * Contact Form 7 itself; PRESSFERRY_TEST_CF7 names its folder.
 */
final class ContactForm7Test extends ScenarioCase {
	protected function setUp(): void {
		parent::setUp();
		if ( ! class_exists( 'WPCF7_ContactForm' ) || ! defined( 'WPCF7_VERSION' ) ) {
			$this->markTestSkipped( 'PRESSFERRY_TEST_CF7 names no folder of Contact Form 7' );
		}
	}

	protected function tearDown(): void {
		remove_all_filters( 'wpcf7_spam' );
		remove_all_filters( 'pressferry_event_payload' );
		unset( $_SERVER['HTTP_USER_AGENT'], $_SERVER['REMOTE_ADDR'] );
		remove_all_filters( 'pre_wp_mail' );
		add_filter( 'pre_wp_mail', '__return_true' );
		parent::tearDown();
	}

	/**
	 * Submits a form as its script does, by REST.
	 *
	 * @return string The status that the visitor's script sees.
	 */
	private function submit( array $fields, string $more = '' ): string {
		$form = \WPCF7_ContactForm::get_template( array( 'title' => 'Booking' ) );
		$form->set_properties( array( 'form' => "[text* your-name] [email* your-email] [checkbox topics \"Prices\" \"Ferries\"] [textarea message] $more" ) );
		$form->save();
		$_POST = wp_slash( $fields + array( '_wpcf7' => (string) $form->id(), '_wpcf7_unit_tag' => 'wpcf7-f' . $form->id() . '-p1-o1', '_wpcf7_container_post' => '1' ) );
		// Without a browser's name and a loopback address it takes every submission for spam.
		$_SERVER['HTTP_USER_AGENT'] = 'Mozilla/5.0';
		$_SERVER['REMOTE_ADDR']     = '127.0.0.1';
		// One submission a request: the class keeps it.
		( function (): void {
			self::$instance = null;
		} )->bindTo( null, \WPCF7_Submission::class )();
		$request = new \WP_REST_Request( 'POST', '/contact-form-7/v1/contact-forms/' . $form->id() . '/feedback' );
		$request->set_header( 'content-type', 'multipart/form-data' );
		$request->set_body_params( wp_unslash( $_POST ) );
		$response = rest_do_request( $request );
		$_POST    = array();
		$this->end_request();
		return (string) ( $response->get_data()['status'] ?? $response->get_status() );
	}

	private static function filled(): array {
		return array( 'your-name' => "Ada O'Neill", 'your-email' => 'ada@site.example', 'topics' => array( 'Prices', 'Ferries' ), 'message' => "Is there <room> for 12 & a dog?\nThanks" );
	}

	public function test_a_submission_becomes_one_event_with_what_was_entered(): void {
		$this->assertSame( 'mail_sent', $this->submit( self::filled() ) );
		$rows = $this->rows();
		$this->assertCount( 1, $rows );
		$data = json_decode( $rows[0]['payload'], true );
		$this->assertSame( array( 'form.submitted', 'Booking', '1' ), array( $rows[0]['event_type'], $data['form_name'], (string) $rows[0]['post_id'] ) );
		$this->assertSame( "Ada O'Neill", $data['fields']['your-name'] );
		$this->assertSame( array( 'Prices', 'Ferries' ), $data['fields']['topics'] );
		$this->assertCount( 0, preg_grep( '/^_/', array_keys( $data['fields'] ) ) );
		$this->tick();
		$this->assertSame( 'sent', $this->rows()[0]['status'] );
	}

	public function test_two_submissions_of_one_form_are_two_events(): void {
		$this->submit( self::filled() );
		$this->submit( self::filled() );
		$this->assertCount( 2, $this->rows() );
	}

	public function test_a_mail_server_that_is_down_loses_no_lead(): void {
		remove_all_filters( 'pre_wp_mail' );
		add_filter( 'pre_wp_mail', '__return_false' );
		$this->assertSame( 'mail_failed', $this->submit( self::filled() ) );
		$this->assertCount( 1, $this->rows() );
	}

	public function test_spam_and_what_does_not_validate_stay_here(): void {
		$this->assertSame( 'validation_failed', $this->submit( array( 'your-email' => 'none' ) + self::filled() ) );
		add_filter( 'wpcf7_spam', '__return_true' );
		$this->assertSame( 'spam', $this->submit( self::filled() ) );
		$this->assertCount( 0, $this->rows() );
	}

	public function test_without_the_visitors_consent_to_storage_nothing_is_stored(): void {
		$consent = '[acceptance keep optional consent_for:storage] yes [/acceptance]';
		$this->submit( self::filled(), $consent );
		$this->assertCount( 0, $this->rows() );
		$this->submit( self::filled() + array( 'keep' => '1' ), $consent );
		$this->assertCount( 1, $this->rows() );
	}

	public function test_a_fault_of_a_filter_never_breaks_the_visitors_form(): void {
		add_filter( 'pressferry_event_payload', static function () {
			throw new \TypeError( 'broken filter' );
		} );
		$this->assertSame( 'mail_sent', $this->submit( self::filled() ) );
	}
}
