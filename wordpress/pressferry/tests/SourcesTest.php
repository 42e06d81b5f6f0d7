<?php
namespace Pressferry\Tests;

use Pressferry\Config;
use Pressferry\Events\ErasureRequested;
use Pressferry\Events\Recorder;
use Pressferry\Events\Sources;
use Pressferry\Outbox\Schema;
use Pressferry\Plugin;

final class SourcesTest extends ScenarioCase {
	protected function tearDown(): void {
		putenv( 'PRESSFERRY_SOURCES_OFF' );
		putenv( 'PRESSFERRY_SOURCES_ON' );
		Schema::switch_off( array() );
		parent::tearDown();
	}

	private function event( string $type ): ?array {
		$this->end_request();
		$rows = $this->rows( "event_type = '$type'" );
		return array() === $rows ? null : json_decode( $rows[0]['payload'], true );
	}

	public function test_a_new_account_is_reported_as_it_is_when_the_request_ends(): void {
		$name = 'u' . substr( md5( wp_generate_uuid4() ), 0, 10 );
		$id   = wp_insert_user( array( 'user_login' => $name, 'user_email' => "$name@site.example", 'user_pass' => 'hunter2-hunter2', 'role' => 'subscriber' ) );
		wp_update_user( array( 'ID' => $id, 'display_name' => 'Ada Lovelace' ) );
		$data = $this->event( 'user.registered' );
		$this->assertSame( array( $id, $name, "$name@site.example", 'Ada Lovelace', 'subscriber' ), array( $data['user_id'], $data['login'], $data['email'], $data['display_name'], $data['role'] ) );
		$this->assertStringNotContainsString( 'hunter2', $this->rows()[0]['payload'] );
	}

	public function test_a_confirmed_request_to_erase_is_reported_once_by_the_persons_hash_alone(): void {
		$email = 'Ada-' . wp_generate_uuid4() . '@Site.example';
		$id    = wp_create_user_request( $email, 'remove_personal_data' );
		$this->assertNull( $this->event( 'subject.erasure_requested' ), 'not before it is confirmed' );
		wp_update_post( array( 'ID' => $id, 'post_status' => 'request-confirmed' ) );
		wp_update_post( array( 'ID' => $id, 'post_content' => 'x' ) );
		$data = $this->event( 'subject.erasure_requested' );
		$this->assertCount( 1, $this->rows() );
		$this->assertSame( array( $id, hash_hmac( 'sha256', strtolower( $email ), PluginTestCase::SECRET ) ), array( $data['request_id'], $data['subject_hash'] ) );
		$this->assertStringNotContainsString( 'site.example', strtolower( (string) wp_json_encode( $this->rows() ) ) );
	}

	public function test_a_request_for_a_copy_is_no_request_to_erase(): void {
		$id = wp_create_user_request( 'copy-' . wp_generate_uuid4() . '@site.example', 'export_personal_data' );
		wp_update_post( array( 'ID' => $id, 'post_status' => 'request-confirmed' ) );
		$this->assertNull( $this->event( 'subject.erasure_requested' ) );
	}

	public function test_other_code_records_events_of_its_own(): void {
		$this->assertSame( 'added', pressferry_record_event( 'ferry.departed', 'boat-7', array( 'berth' => 3 ), array( 'dedupe_key' => '7-today', 'post_id' => 1 ) ) );
		$this->assertSame( 'duplicate', pressferry_record_event( 'ferry.departed', 'boat-7', array( 'berth' => 3 ), array( 'dedupe_key' => '7-today' ) ) );
		$this->assertSame( 'added', pressferry_record_event( 'ferry.departed', 'boat-7', array( 'berth' => 3 ) ) );
		$row = $this->rows()[0];
		$this->assertSame( array( 'ferry.departed', 'boat-7', '{"berth":3}', '1' ), array( $row['event_type'], $row['object_ref'], $row['payload'], (string) $row['post_id'] ) );
	}

	public function test_what_the_backend_would_refuse_is_refused_at_once_and_says_why(): void {
		$wrong = array(
			array( 'departed', 'a', 'pressferry_type_invalid' ),
			array( 'Ferry.Departed', 'a', 'pressferry_type_invalid' ),
			array( 'ferry.departed', '', 'pressferry_object_ref_invalid' ),
			array( 'ferry.departed', "a\0b", 'pressferry_object_ref_invalid' ),
			array( 'ferry.departed', str_repeat( 'a', 256 ), 'pressferry_object_ref_invalid' ),
		);
		foreach ( $wrong as $case ) {
			$this->assertSame( $case[2], pressferry_record_event( $case[0], $case[1], array() )->get_error_code() );
		}
		add_filter( 'pressferry_should_send', '__return_false' );
		$this->assertSame( 'unwanted', pressferry_record_event( 'ferry.departed', 'a', array() ) );
		remove_all_filters( 'pressferry_should_send' );
		$this->assertCount( 0, $this->rows() );
	}

	public function test_a_source_that_is_switched_off_reports_nothing_and_costs_no_further_option(): void {
		Schema::switch_off( array( 'posts', 'users' ) );
		$sources = new Sources( new Config() );
		$this->assertSame( array( 'posts', 'users', 'updates' ), $sources->off() );
		Schema::ensure();
		$this->assertSame( array( 'posts', 'users', 'updates' ), $sources->off(), 'an upgrade keeps it' );
		Schema::switch_off( array() );
		$this->assertSame( array( array( 'updates' ), Schema::VERSION ), array( $sources->off(), get_option( Schema::OPTION ) ) );
		putenv( 'PRESSFERRY_SOURCES_OFF=comments, users' );
		$this->assertSame( array( 'comments', 'users', 'updates' ), $sources->off() );
		putenv( 'PRESSFERRY_SOURCES_OFF' );
		$this->assertSame( array(), array_diff( array( 'posts', 'comments', 'cf7', 'orders' ), array_keys( Sources::labels() ) ) );
	}

	public function test_changes_of_posts_are_reported_only_where_someone_switched_them_on_and_no_other_choice_does(): void {
		$sources = new Sources( new Config() );
		$ids     = array_keys( Sources::labels() );
		$sources->choose( $ids );
		$this->assertSame( array( array(), false ), array( $sources->off(), $sources->is_locked( 'updates' ) ) );
		// What a version before this one stored.
		update_option( Schema::OPTION, array( 'version' => Schema::VERSION, 'off' => array( 'users' ) ) );
		$this->assertSame( array( 'users', 'updates' ), $sources->off() );
		putenv( 'PRESSFERRY_SOURCES_OFF=comments' );
		$this->assertContains( 'updates', $sources->off() );
		$sources->choose( $ids );
		$this->assertSame( array( array( 'comments' ), array( 'users' ) ), array( $sources->off(), Schema::sources_off() ), 'what is locked is not written over' );
		putenv( 'PRESSFERRY_SOURCES_OFF=updates' );
		$this->assertSame( array( array( 'updates' ), true ), array( $sources->off(), $sources->is_locked( 'updates' ) ), 'off is stronger than on' );
		putenv( 'PRESSFERRY_SOURCES_OFF' );
		Schema::switch_off( array() );
		putenv( 'PRESSFERRY_SOURCES_ON=updates' );
		$this->assertSame( array( array(), true, false ), array( $sources->off(), $sources->is_locked( 'updates' ), $sources->is_locked( 'posts' ) ) );
		putenv( 'PRESSFERRY_SOURCES_ON' );
	}

	public function test_the_hash_of_a_person_does_not_depend_on_how_the_address_is_written(): void {
		$this->assertSame( ErasureRequested::subject_hash( 'ada@site.example', 'k' ), ErasureRequested::subject_hash( ' Ada@Site.Example ', 'k' ) );
	}

	public function test_the_recorder_is_there_for_other_code(): void {
		$this->assertTrue( Plugin::recorder() instanceof Recorder );
	}
}
