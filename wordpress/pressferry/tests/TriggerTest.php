<?php
namespace Pressferry\Tests;

use Pressferry\Outbox\LoopbackToken;
use Pressferry\Outbox\Trigger;

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
		$this->assertCount( 1, $this->ingress->requests );
		$request = $this->ingress->requests[0];
		$this->assertStringContainsString( '/index.php?pressferry-dispatch=1', $request['url'] );
		$this->assertSame( array( false, 0.01, 0 ), array( $request['blocking'], $request['timeout'], $request['redirection'] ) );
		$this->assertSame( 'pending', $this->row( $key )['status'] );
	}

	public function test_a_request_that_queued_nothing_asks_for_nothing(): void {
		$_SERVER['REQUEST_METHOD'] = 'GET';
		$this->add_event();
		$this->trigger()->on_shutdown();
		$this->assertCount( 0, $this->ingress->requests );
	}

	public function test_the_command_line_leaves_it_to_the_tick(): void {
		$key     = $this->add_event();
		$trigger = $this->trigger();
		$trigger->queued();
		$trigger->on_shutdown();
		$this->assertCount( 0, $this->ingress->requests );
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
