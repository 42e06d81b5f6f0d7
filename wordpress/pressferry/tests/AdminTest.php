<?php
namespace Pressferry\Tests;

use Pressferry\Admin\ResultsBox;
use Pressferry\Admin\SiteHealth;
use Pressferry\Callback\Inbox;
use Pressferry\Config;
use Pressferry\Http\Sender;

final class AdminTest extends PluginTestCase {
	public function test_the_edit_screen_shows_what_came_from_outside_as_text(): void {
		$inbox = new Inbox( $this->clock );
		$inbox->store( array( 'result_id' => '3c5e1f0a-52d7-5b1e-9d43-0c8f2b7a6e10', 'request_id' => '', 'idempotency_key' => '', 'event_type' => 'post.published', 'object_ref' => '1', 'automation' => '<i>auto</i>', 'status' => 'succeeded', 'output' => array( 'summary' => '<script>alert(1)</script>', 'tags' => array( 'a', '<b>' ) ), 'error' => null, 'completed_at' => '2026-11-24T06:00:00.000Z' ) );
		ob_start();
		( new ResultsBox( $inbox, $this->outbox ) )->render( get_post( 1 ) );
		$html = (string) ob_get_clean();
		$this->assertStringContainsString( '&lt;script&gt;', $html );
		$this->assertStringContainsString( 'succeeded', $html );
		foreach ( array( '<script>', '<i>', '<b>' ) as $markup ) {
			$this->assertStringNotContainsString( $markup, $html );
		}
	}

	public function test_site_health_names_what_is_missing_and_no_value(): void {
		$this->config->values['HMAC_SECRET'] = '';
		$health                              = new SiteHealth( array( 'config' => $this->config, 'sender' => new Sender( $this->config ), 'outbox' => $this->outbox, 'clock' => $this->clock ) );
		$this->assertSame( 'critical', $health->configuration()['status'] );
		$this->assertStringContainsString( 'PRESSFERRY_HMAC_SECRET', $health->configuration()['description'] );
		$this->config->values['HMAC_SECRET'] = self::SECRET;
		$this->assertSame( 'good', $health->configuration()['status'] );
		$this->assertStringNotContainsString( self::SECRET, (string) wp_json_encode( array( $health->configuration(), $health->information( array() ) ), JSON_UNESCAPED_UNICODE ) );
	}

	public function test_site_health_says_when_events_wait_for_longer_than_five_minutes(): void {
		$health = new SiteHealth( array( 'config' => $this->config, 'sender' => new Sender( $this->config ), 'outbox' => $this->outbox, 'clock' => $this->clock ) );
		$this->add_event();
		$this->assertSame( 'good', $health->outbox()['status'] );
		$this->clock->ms += 300001;
		$this->assertSame( 'recommended', $health->outbox()['status'] );
	}

	public function test_the_environment_goes_before_the_option(): void {
		update_option( 'pressferry_kid', 'from-option' );
		$config = new Config();
		$this->assertSame( array( 'from-option', 'option' ), array( $config->get( 'KID' ), $config->source( 'KID' ) ) );
		putenv( 'PRESSFERRY_KID=from-environment' );
		$this->assertSame( array( 'from-environment', 'environment' ), array( $config->get( 'KID' ), $config->source( 'KID' ) ) );
		putenv( 'PRESSFERRY_KID' );
		delete_option( 'pressferry_kid' );
		$this->assertSame( array( 'pressferry', 'default' ), array( $config->get( 'AUDIENCE' ), $config->source( 'AUDIENCE' ) ) );
	}
}
