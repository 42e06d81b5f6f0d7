<?php
namespace Pressferry\Tests;

use Pressferry\Clock;
use Pressferry\Outbox\Log;
use Pressferry\Outbox\Schema;

require_once ABSPATH . 'wp-admin/includes/user.php';

final class PrivacyTest extends ScenarioCase {
	private static function call( string $what, string $email, ...$more ) {
		$all = apply_filters( "wp_privacy_personal_data_$what", array() );
		return call_user_func( $all['pressferry']['callback'], $email, ...$more );
	}

	public function test_a_person_gets_what_was_sent_of_them_and_nothing_of_others(): void {
		pressferry_record_event( 'form.submitted', 'a', array( 'form_id' => '1', 'fields' => array( 'email' => 'ada@site.example', 'message' => 'Hello' ) ) );
		pressferry_record_event( 'form.submitted', 'b', array( 'form_id' => '1', 'fields' => array( 'email' => 'grace@site.example' ) ) );
		$comment = wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_author' => 'Ada', 'comment_author_email' => 'ada@site.example', 'comment_content' => 'Tandems?', 'comment_approved' => 1, 'comment_type' => 'comment' ) );
		$this->end_request();
		$export = self::call( 'exporters', 'ada@site.example', 1 );
		$text   = (string) wp_json_encode( $export );
		$this->assertCount( 2, $export['data'] );
		$this->assertTrue( $export['done'] );
		$this->assertStringContainsString( 'Hello', $text );
		$this->assertStringContainsString( 'Tandems', $text );
		$this->assertStringNotContainsString( 'grace', $text );
		wp_delete_comment( $comment, true );
	}

	public function test_erasing_empties_events_and_results_and_sends_nothing_that_was_not_sent(): void {
		global $wpdb;
		pressferry_record_event( 'form.submitted', 'a', array( 'form_id' => '1', 'fields' => array( 'email' => 'ada@site.example' ) ) );
		$this->tick();
		$sent = $this->rows()[0];
		update_option( 'pressferry_hmac_secret', PluginTestCase::SECRET );
		rest_do_request( PluginTestCase::push( array( 'idempotency_key' => $sent['idempotency_key'], 'event_type' => 'form.submitted', 'object_ref' => 'a', 'output' => array( 'reply' => 'Dear Ada' ) ) ) );
		pressferry_record_event( 'form.submitted', 'b', array( 'form_id' => '1', 'fields' => array( 'email' => 'ada@site.example' ) ) );
		pressferry_record_event( 'form.submitted', 'c', array( 'form_id' => '1', 'fields' => array( 'email' => 'grace@site.example' ) ) );
		$done = self::call( 'erasers', 'ada@site.example', 1 );
		$this->assertSame( array( true, false, true ), array( $done['items_removed'], $done['items_retained'], $done['done'] ) );
		$this->assertStringNotContainsString( 'ada@', (string) wp_json_encode( $this->rows() ) );
		$this->assertStringNotContainsString( 'Dear Ada', (string) wp_json_encode( $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pressferry_inbox" ) ) );
		$before = count( $this->ingress->requests );
		$this->later();
		$this->tick();
		$this->assertCount( $before + 1, $this->ingress->requests );
		$this->assertSame( array( 'sent', 'refused', 'sent' ), array_column( $this->rows(), 'status' ) );
		$this->assertFalse( self::call( 'erasers', 'ada@site.example', 1 )['items_removed'], 'nothing is left to erase' );
	}

	public function test_an_address_that_ends_or_begins_another_is_not_that_person(): void {
		$others = array( 'grada@site.example', 'ada@site.example.org', 'x.ada@site.example', 'ada@site.examples', 'ada@site.example-shop.example' );
		foreach ( $others as $number => $other ) {
			pressferry_record_event( 'form.submitted', "other-$number", array( 'form_id' => '1', 'fields' => array( 'email' => $other, 'text' => "Write to $other." ) ) );
		}
		$own = array( 'ada@site.example', 'ADA@Site.Example', 'My address is ada@site.example.', '<ada@site.example>, thanks', 'mailto:ada@site.example?subject=x' );
		foreach ( $own as $number => $text ) {
			pressferry_record_event( 'form.submitted', "own-$number", array( 'form_id' => '1', 'fields' => array( 'text' => $text ) ) );
		}
		$this->assertCount( count( $own ), self::call( 'exporters', 'ada@site.example', 1 )['data'] );
		self::call( 'erasers', 'ada@site.example', 1 );
		$this->assertCount( count( $others ), $this->rows( "object_ref LIKE 'other-%' AND payload <> '{}'" ) );
		$this->assertCount( count( $own ), $this->rows( "last_error = 'erased'" ) );
	}

	public function test_all_of_many_events_of_a_person_are_exported_and_erased_page_by_page(): void {
		global $wpdb;
		pressferry_record_event( 'form.submitted', 'x', array( 'form_id' => '1', 'fields' => array( 'email' => 'ada@site.example' ) ) );
		$row = $this->rows()[0];
		unset( $row['id'] );
		for ( $number = 1; $number < 450; $number++ ) {
			// Every other one is somebody's whose address contains this one.
			$payload = 0 === $number % 2 ? str_replace( 'ada@', 'gr.ada@', $row['payload'] ) : $row['payload'];
			$wpdb->insert( Schema::outbox(), array( 'idempotency_key' => wp_generate_uuid4(), 'dedupe_key' => "copy-$number", 'payload' => $payload ) + $row );
		}
		for ( $page = 1, $exported = 0, $done = false; ! $done && $page < 50; $page++ ) {
			$export    = self::call( 'exporters', 'ada@site.example', $page );
			$exported += count( $export['data'] );
			$done      = $export['done'];
		}
		for ( $page = 1, $erased = false; ! $erased && $page < 50; $page++ ) {
			$erased = self::call( 'erasers', 'ada@site.example', $page )['done'];
		}
		$this->assertSame( array( 226, true, true ), array( $exported, $done, $erased ) );
		$this->assertCount( 226, $this->rows( "last_error = 'erased'" ) );
	}

	public function test_a_person_is_erased_completely_in_the_order_in_which_wordpress_calls_its_erasers(): void {
		global $wpdb;
		$user = wp_insert_user( array( 'user_login' => 'ada', 'user_email' => 'ada@site.example', 'user_pass' => 'x', 'display_name' => 'Ada' ) );
		wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_author' => 'Ada', 'comment_author_email' => 'ada@site.example', 'comment_content' => 'Tandems?', 'comment_approved' => 1, 'comment_type' => 'comment' ) );
		$this->end_request();
		$this->tick();
		$comment = $this->rows( "event_type = 'comment.created'" )[0];
		update_option( 'pressferry_hmac_secret', PluginTestCase::SECRET );
		foreach ( array( array( 'succeeded', array( 'draft' => 'Dear Tandem rider' ), null ), array( 'failed', array(), array( 'message' => 'Tandems? is too short' ) ) ) as list( $status, $output, $error ) ) {
			rest_do_request( PluginTestCase::push( array( 'idempotency_key' => $comment['idempotency_key'], 'event_type' => 'comment.created', 'object_ref' => $comment['object_ref'], 'status' => $status, 'output' => $output, 'error' => $error ) ) );
		}
		foreach ( apply_filters( 'wp_privacy_personal_data_erasers', array() ) as $eraser ) {
			for ( $page = 1; $page < 10 && ! call_user_func( $eraser['callback'], 'ada@site.example', $page )['done']; $page++ ) {
				continue;
			}
		}
		$left = (string) wp_json_encode( array( $this->rows(), $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pressferry_inbox" ) ) );
		$this->assertStringNotContainsString( 'Tandem', $left );
		$this->assertStringNotContainsString( 'Ada', $left );
		wp_delete_user( $user );
	}

	public function test_a_result_that_comes_after_its_event_was_erased_is_acknowledged_and_nothing_of_it_is_kept(): void {
		pressferry_record_event( 'form.submitted', 'a', array( 'form_id' => '1', 'fields' => array( 'email' => 'ada@site.example' ) ) );
		$this->tick();
		$sent = $this->rows()[0];
		update_option( 'pressferry_hmac_secret', PluginTestCase::SECRET );
		self::call( 'erasers', 'ada@site.example', 1 );
		$told = 0;
		add_action(
			'pressferry_result',
			static function () use ( &$told ): void {
				++$told;
			}
		);
		$result = array( 'result_id' => wp_generate_uuid4(), 'idempotency_key' => $sent['idempotency_key'], 'event_type' => 'form.submitted', 'object_ref' => 'a', 'output' => array( 'reply' => 'Dear Ada' ) );
		$first  = rest_do_request( PluginTestCase::push( $result ) );
		$second = rest_do_request( PluginTestCase::push( $result ) );
		$this->assertSame( array( 200, 'stored', 200, 'duplicate' ), array( $first->get_status(), $first->get_data()['status'] ?? '', $second->get_status(), $second->get_data()['status'] ?? '' ) );
		global $wpdb;
		$kept = $wpdb->get_results( "SELECT * FROM {$wpdb->prefix}pressferry_inbox", ARRAY_A );
		$this->assertSame( array( '[]', 'null', '' ), array( $kept[0]['output'], $kept[0]['error'], $kept[0]['object_ref'] ) );
		$this->assertSame( 0, $told );
		remove_all_filters( 'pressferry_result' );
	}

	public function test_sent_events_go_after_30_days_others_after_90_and_what_waits_never(): void {
		global $wpdb;
		$cases = array( array( 'sent', 31, 0 ), array( 'sent', 29, 1 ), array( 'dead', 91, 0 ), array( 'dead', 89, 1 ), array( 'held', 91, 0 ), array( 'refused', 91, 0 ), array( 'pending', 400, 1 ) );
		foreach ( $cases as $index => $case ) {
			pressferry_record_event( 'ferry.departed', "ref-$index", array() );
			$then = ( time() - $case[1] * DAY_IN_SECONDS ) * 1000;
			$wpdb->query( $wpdb->prepare( "UPDATE {$wpdb->prefix}pressferry_outbox SET status = %s, occurred_at = %d, finished_at = %d WHERE object_ref = %s", $case[0], $then, 'sent' === $case[0] ? $then : time() * 1000, "ref-$index" ) );
		}
		( new Log( new Clock() ) )->retain();
		foreach ( $cases as $index => $case ) {
			$this->assertCount( $case[2], $this->rows( "object_ref = 'ref-$index'" ), wp_json_encode( $case ) );
		}
	}

	public function test_an_owner_may_keep_events_for_ever(): void {
		global $wpdb;
		pressferry_record_event( 'ferry.departed', 'old', array() );
		$wpdb->query( "UPDATE {$wpdb->prefix}pressferry_outbox SET status = 'sent', finished_at = 1, occurred_at = 1" );
		add_filter( 'pressferry_retention_days', static function () {
			return array( 'sent' => 0, 'other' => 0 );
		} );
		( new Log( new Clock() ) )->retain();
		remove_all_filters( 'pressferry_retention_days' );
		$this->assertCount( 1, $this->rows() );
	}

	public function test_results_of_a_post_go_with_it(): void {
		global $wpdb;
		$id = $this->publish();
		$this->tick();
		update_option( 'pressferry_hmac_secret', PluginTestCase::SECRET );
		rest_do_request( PluginTestCase::push( array( 'idempotency_key' => $this->rows()[0]['idempotency_key'], 'object_ref' => (string) $id ) ) );
		$this->assertCount( 1, pressferry_get_results( $id ) );
		wp_delete_post( $id, true );
		$this->assertCount( 0, pressferry_get_results( $id ) );
	}
}
