<?php
namespace Pressferry\Tests;

use Pressferry\Outbox\Loopback;
use Pressferry\Outbox\LoopbackToken;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Trigger;
use Pressferry\State\Breaker;
use Pressferry\Uuid;

final class TriggerTest extends PluginTestCase {
	protected function tearDown(): void {
		unset( $_SERVER['REQUEST_METHOD'] );
		parent::tearDown();
	}

	private function trigger(): Trigger {
		return new Trigger( $this->dispatcher(), $this->clock );
	}

	public function test_a_request_that_queued_something_leaves_one_request_to_itself_and_sends_nothing(): void {
		$_SERVER['REQUEST_METHOD'] = 'POST';
		$key                       = $this->add_event();
		$trigger                   = $this->trigger();
		$trigger->queued();
		$trigger->queued();
		$trigger->on_shutdown();
		$trigger->on_shutdown();
		$this->assertCount( 0, $this->ingress->requests );
		$this->assertCount( 1, $this->ingress->loopbacks );
		$request = $this->ingress->loopbacks[0];
		$this->assertStringContainsString( '/index.php?pressferry-dispatch=1', $request['url'] );
		$this->assertSame( array( false, 0.01, 0 ), array( $request['blocking'], $request['timeout'], $request['redirection'] ) );
		$this->assertSame( 'pending', $this->row( $key )['status'] );
	}

	public function test_a_request_that_queued_nothing_asks_for_nothing(): void {
		$_SERVER['REQUEST_METHOD'] = 'GET';
		$this->add_event();
		$this->trigger()->on_shutdown();
		$this->assertCount( 0, $this->ingress->loopbacks );
	}

	private function record_in_a_visitors_request(): void {
		$_SERVER['REQUEST_METHOD'] = 'POST';
		$this->add_event( Uuid::v4() );
		$trigger = $this->trigger();
		$trigger->queued();
		$trigger->on_shutdown();
	}

	public function test_whether_a_request_to_itself_arrives_is_found_out_once_and_remembered(): void {
		$this->record_in_a_visitors_request();
		$this->record_in_a_visitors_request();
		$this->assertCount( 1, $this->ingress->loopbacks, 'one is under way: nobody else pays for another' );
		$this->assertSame( '', Loopback::known() );
		$this->assertTrue( ( new Loopback( $this->clock ) )->arrived( $this->ingress->loopbacks[0]['body']['token'] ) );
		$this->assertSame( Loopback::AT_ONCE, Loopback::known() );
		$this->record_in_a_visitors_request();
		$this->record_in_a_visitors_request();
		$this->assertCount( 3, $this->ingress->loopbacks );
	}

	public function test_what_no_request_to_the_site_itself_will_send_is_due_with_the_next_cron_and_not_a_minute_later(): void {
		$this->record_in_a_visitors_request();
		$this->tick_a_minute_off();
		$this->record_in_a_visitors_request();
		$this->assertCount( 1, $this->ingress->loopbacks );
		$this->assertLessThanOrEqual( time(), wp_next_scheduled( Trigger::CRON_HOOK ) );
	}

	public function test_a_request_to_the_site_itself_that_is_lost_costs_no_more_than_until_the_next_cron(): void {
		$this->record_in_a_visitors_request();
		( new Loopback( $this->clock ) )->arrived( $this->ingress->loopbacks[0]['body']['token'] );
		$this->tick_a_minute_off();
		$this->record_in_a_visitors_request();
		$this->assertCount( 2, $this->ingress->loopbacks );
		$this->assertLessThanOrEqual( time(), wp_next_scheduled( Trigger::CRON_HOOK ) );
	}

	public function test_where_none_arrives_visitors_pay_for_two_and_then_for_none_until_a_day_later(): void {
		foreach ( array( 1, 2, 2, 2 ) as $requests ) {
			$this->record_in_a_visitors_request();
			$this->clock->ms += Loopback::ARRIVES_WITHIN_MS + 1;
			$this->assertCount( $requests, $this->ingress->loopbacks );
		}
		$this->assertSame( Loopback::OFF, Loopback::known() );
		$this->clock->ms += Loopback::AGAIN_AFTER_MS;
		$this->record_in_a_visitors_request();
		$this->assertCount( 3, $this->ingress->loopbacks );
	}

	public function test_the_tick_finds_it_out_where_no_visitor_has_yet(): void {
		$this->trigger()->tick();
		$this->assertTrue( ( new Loopback( $this->clock ) )->arrived( $this->ingress->loopbacks[0]['body']['token'] ) );
		$this->trigger()->tick();
		$this->assertCount( 1, $this->ingress->loopbacks );
	}

	public function test_a_way_that_works_no_longer_is_noticed_by_its_unused_token(): void {
		$this->record_in_a_visitors_request();
		( new Loopback( $this->clock ) )->arrived( $this->ingress->loopbacks[0]['body']['token'] );
		$this->record_in_a_visitors_request();
		$this->clock->ms += LoopbackToken::LIFE_MS + 1;
		$this->ingress->answers = array( FakeIngress::accepted() );
		$this->trigger()->tick();
		$this->assertSame( '', Loopback::known() );
	}

	public function test_a_backend_that_does_not_answer_costs_no_visitor_a_request_to_the_site_itself(): void {
		$this->add_event();
		$this->ingress->answers = array( new \WP_Error( 'http_request_failed', 'cURL error 28: timed out' ) );
		$this->dispatcher()->dispatch();
		$this->record_in_a_visitors_request();
		$this->clock->ms += Breaker::MAX_OUTAGE_MS;
		$this->record_in_a_visitors_request();
		$this->assertCount( 0, $this->ingress->loopbacks, 'not even to find out whether it answers again: the tick does' );
		$this->assertCount( 1, $this->ingress->requests );
		$this->trigger()->tick();
		$this->assertCount( 2, $this->ingress->requests );
	}

	public function test_an_open_breaker_whose_time_has_come_is_probed_with_the_next_cron_and_not_a_minute_later(): void {
		$this->add_event();
		$this->ingress->answers = array( new \WP_Error( 'http_request_failed', 'cURL error 28: timed out' ) );
		$this->dispatcher()->dispatch();
		$this->tick_a_minute_off();
		$this->record_in_a_visitors_request();
		$this->assertGreaterThan( time(), wp_next_scheduled( Trigger::CRON_HOOK ), 'not while it is open' );
		$this->clock->ms += Breaker::MAX_OUTAGE_MS;
		$this->record_in_a_visitors_request();
		$this->assertLessThanOrEqual( time(), wp_next_scheduled( Trigger::CRON_HOOK ) );
	}

	public function test_what_a_process_left_behind_that_died_while_it_sent_is_looked_for_with_the_next_cron(): void {
		$key = $this->add_event();
		$this->outbox->claim( 1 );
		$this->tick_a_minute_off();
		$this->trigger()->tick();
		$this->assertLessThanOrEqual( time(), wp_next_scheduled( Trigger::CRON_HOOK ) );
		$this->clock->ms += Outbox::LEASE_MS;
		$this->trigger()->tick();
		$this->assertSame( 'sent', $this->row( $key )['status'] );
		$this->tick_a_minute_off();
		$this->trigger()->tick();
		$this->assertGreaterThan( time(), wp_next_scheduled( Trigger::CRON_HOOK ), 'nothing is left behind' );
	}

	private function tick_a_minute_off(): void {
		wp_clear_scheduled_hook( Trigger::CRON_HOOK );
		wp_schedule_event( time() + MINUTE_IN_SECONDS, Trigger::CRON_SCHEDULE, Trigger::CRON_HOOK );
	}

	public function test_the_command_line_leaves_it_to_the_tick(): void {
		$key     = $this->add_event();
		$trigger = $this->trigger();
		$trigger->queued();
		$trigger->on_shutdown();
		$this->assertCount( 0, array_merge( $this->ingress->requests, $this->ingress->loopbacks ) );
		$trigger->tick();
		$this->assertSame( 'sent', $this->row( $key )['status'] );
	}

	public function test_the_tick_runs_every_minute(): void {
		wp_clear_scheduled_hook( Trigger::CRON_HOOK );
		$this->trigger()->ensure_tick();
		$this->trigger()->ensure_tick();
		$event = wp_get_scheduled_event( Trigger::CRON_HOOK );
		$this->assertSame( 60, $event->interval );
		$this->assertCount( 1, array_filter( array_column( _get_cron_array(), Trigger::CRON_HOOK ) ) );
	}

	public function test_a_tick_that_a_fast_clock_scheduled_is_brought_back(): void {
		wp_clear_scheduled_hook( Trigger::CRON_HOOK );
		wp_schedule_event( time() + 1200, Trigger::CRON_SCHEDULE, Trigger::CRON_HOOK );
		$this->trigger()->ensure_tick();
		$this->assertLessThanOrEqual( time() + 60, wp_next_scheduled( Trigger::CRON_HOOK ) );
	}

	public function test_a_loopback_token_opens_once_for_a_minute_and_only_as_it_was_issued(): void {
		$tokens = new LoopbackToken( $this->clock );
		$token  = $tokens->issue();
		$this->assertFalse( $tokens->spend( substr( $token, 0, -1 ) . 'x' ) );
		$this->assertFalse( $tokens->spend( 'x.' . ( $this->clock->ms + 1000 ) . '.y' ) );
		$this->assertTrue( $tokens->spend( $token ) );
		$this->assertFalse( $tokens->spend( $token ) );
		$late             = $tokens->issue();
		$this->clock->ms += LoopbackToken::LIFE_MS + 1;
		$this->assertFalse( $tokens->spend( $late ) );
	}

	public function test_tokens_that_were_never_spent_are_swept(): void {
		global $wpdb;
		$tokens = new LoopbackToken( $this->clock );
		$tokens->issue();
		$this->clock->ms += LoopbackToken::LIFE_MS + 1;
		$tokens->issue();
		$tokens->sweep();
		$left = (int) $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM {$wpdb->options} WHERE option_name LIKE %s", $wpdb->esc_like( LoopbackToken::PREFIX ) . '%' ) );
		$this->assertSame( 1, $left );
		$this->clock->ms += LoopbackToken::LIFE_MS + 1;
		$tokens->sweep();
	}
}
