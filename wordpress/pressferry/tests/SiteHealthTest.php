<?php
namespace Pressferry\Tests;

use Pressferry\Admin\Area;
use Pressferry\Outbox\Loopback;
use Pressferry\Outbox\Trigger;
use Pressferry\State\BackendClock;
use Pressferry\State\State;

require_once ABSPATH . 'wp-admin/includes/admin.php';

/**
 * Site Health as WordPress runs it: each of the plugin's tests, by what it says in each state.
 */
final class SiteHealthTest extends ScenarioCase {
	/**
	 * @return array<string, array{status: string, label: string, description: string}> By the test's name.
	 */
	private static function run_all(): array {
		$tests   = apply_filters( 'site_status_tests', array( 'direct' => array(), 'async' => array() ) );
		$results = array();
		foreach ( $tests['direct'] as $name => $test ) {
			$results[ $name ] = call_user_func( $test['test'] );
		}
		foreach ( $tests['async'] as $name => $test ) {
			$results[ $name ] = call_user_func( $test['async_direct_test'] );
		}
		foreach ( $results as $name => $result ) {
			self::assertSame( $name, $result['test'] );
			self::assertTrue( '' !== $result['label'] && '' !== $result['description'], $name );
		}
		return array_filter(
			$results,
			static function ( string $name ): bool {
				return 0 === strpos( $name, 'pressferry_' );
			},
			ARRAY_FILTER_USE_KEY
		);
	}

	public function test_there_is_one_for_each_thing_that_must_be_right(): void {
		$this->assertSame( array( 'pressferry_configuration', 'pressferry_writing', 'pressferry_outbox', 'pressferry_tls', 'pressferry_clock', 'pressferry_cron', 'pressferry_loopback', 'pressferry_callback' ), array_keys( self::run_all() ) );
	}

	public function test_none_says_that_events_are_delivered_while_none_can_be(): void {
		delete_option( 'pressferry_kid' );
		$results = self::run_all();
		$this->assertSame( array( 'critical', 'recommended' ), array( $results['pressferry_configuration']['status'], $results['pressferry_outbox']['status'] ) );
		$this->assertStringNotContainsString( 'delivers events', (string) wp_json_encode( $results ) );
		update_option( 'pressferry_kid', 'rsa-1' );
		$this->assertSame( 'good', self::run_all()['pressferry_outbox']['status'] );
	}

	public function test_a_clock_that_is_wrong_a_cron_that_is_late_and_a_site_that_does_not_reach_itself_are_named(): void {
		wp_clear_scheduled_hook( Trigger::CRON_HOOK );
		wp_schedule_event( time(), Trigger::CRON_SCHEDULE, Trigger::CRON_HOOK );
		$good = self::run_all();
		State::put( BackendClock::STATE, '1200000' );
		State::put( Loopback::STATE, array( 'way' => Loopback::OFF, 'works' => false, 'at' => time() * 1000 ) );
		wp_clear_scheduled_hook( Trigger::CRON_HOOK );
		wp_schedule_event( time() - 3600, Trigger::CRON_SCHEDULE, Trigger::CRON_HOOK );
		self::part( 'backend_clock' )->refresh();
		$bad = self::run_all();
		foreach ( array( 'clock', 'cron', 'loopback' ) as $name ) {
			$this->assertSame( array( 'good', 'recommended' ), array( $good[ "pressferry_$name" ]['status'], $bad[ "pressferry_$name" ]['status'] ), $name );
		}
		wp_clear_scheduled_hook( Trigger::CRON_HOOK );
	}

	public function test_the_dashboard_tells_those_who_can_act_of_events_that_the_backend_has_not_taken(): void {
		$notices = static function (): string {
			ob_start();
			self::hooked( 'admin_notices', Area::class )->notices();
			return (string) ob_get_clean();
		};
		wp_set_current_user( 1 );
		set_current_screen( 'dashboard' );
		$this->assertSame( '', $notices() );
		$this->answer( FakeIngress::response( 401, array( 'code' => 'token_issuer_mismatch' ), array( 'content-type' => 'application/problem+json' ) ) );
		$this->publish();
		$this->tick();
		$this->assertStringContainsString( 'registered under another home URL', $notices() );
		$this->assertStringContainsString( 'tab=log', $notices() );
		set_current_screen( 'edit-post' );
		$this->assertSame( '', $notices(), 'not on every page: it takes queries' );
		set_current_screen( 'dashboard' );
		wp_set_current_user( 0 );
		$this->assertSame( '', $notices() );
		$this->answer( FakeIngress::accepted() );
		$this->later();
		$this->tick();
		wp_set_current_user( 1 );
		$this->assertSame( '', $notices() );
		wp_set_current_user( 0 );
		unset( $GLOBALS['current_screen'] );
	}

	public function test_the_information_to_copy_says_how_it_goes_and_holds_nothing_secret(): void {
		$this->answer( FakeIngress::response( 503, '' ) );
		$this->publish();
		$this->tick();
		$info = apply_filters( 'debug_information', array() )['pressferry']['fields'];
		$this->assertSame( array( PRESSFERRY_VERSION, '1' ), array( $info['version']['value'], (string) $info['events_pending']['value'] ) );
		$this->assertStringContainsString( 'http_503', $info['check_sending']['value'] );
		foreach ( array( PluginTestCase::SECRET, 'PRIVATE KEY-----', 'harbour', 'Fog' ) as $secret ) {
			$this->assertStringNotContainsString( $secret, (string) wp_json_encode( $info, JSON_UNESCAPED_UNICODE ) );
		}
	}
}
