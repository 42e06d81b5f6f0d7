<?php
namespace Pressferry\Tests;

require_once __DIR__ . '/support/FakeShop.php';

/**
 * Other plugins throw and end the request where we listen too; what has happened is recorded all the same.
 */
final class DyingPluginsTest extends ScenarioCase {
	/**
	 * Does something while another plugin throws at a hook, before anybody else is called there.
	 */
	private function while_it_throws( string $hook, callable $work ): void {
		$throw = static function (): void {
			throw new \Error( 'somebody else' );
		};
		add_action( $hook, $throw, -100 );
		try {
			$work();
			self::fail( "$hook was not fired" );
		} catch ( \Error $error ) {
			$this->assertSame( 'somebody else', $error->getMessage() );
		} finally {
			remove_action( $hook, $throw, -100 );
		}
		$this->end_request();
	}

	public function test_a_post_that_was_published_is_recorded_though_another_plugin_died_while_it_was_saved(): void {
		foreach ( array( 'transition_post_status', 'publish_post', 'save_post', 'wp_insert_post', 'wp_after_insert_post' ) as $hook ) {
			$this->while_it_throws( $hook, static function (): void {
				wp_insert_post( array( 'post_title' => 'Fog', 'post_name' => wp_generate_uuid4(), 'post_content' => 'x', 'post_status' => 'publish' ) );
			} );
			$this->assertCount( 1, $this->rows( "event_type = 'post.published'" ), $hook );
			$this->tearDown();
			$this->setUp();
		}
	}

	public function test_a_password_that_was_removed_is_noticed_though_another_plugin_died_meanwhile(): void {
		foreach ( array( 'post_updated', 'save_post', 'wp_after_insert_post' ) as $hook ) {
			$id = $this->publish( array( 'post_password' => 'x' ) );
			$this->while_it_throws( $hook, static function () use ( $id ): void {
				wp_update_post( array( 'ID' => $id, 'post_password' => '' ) );
			} );
			$this->assertCount( 1, $this->rows( "object_ref = '$id'" ), $hook );
		}
	}

	public function test_a_comment_is_recorded_though_another_plugin_died_when_it_came_or_was_approved(): void {
		$this->while_it_throws( 'wp_insert_comment', static function (): void {
			wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_content' => 'a', 'comment_approved' => 0 ) );
		} );
		$this->assertCount( 1, $this->rows( "event_type = 'comment.created'" ) );
		$spam = (int) wp_insert_comment( array( 'comment_post_ID' => 1, 'comment_content' => 'b', 'comment_approved' => 'spam' ) );
		$this->end_request();
		$this->while_it_throws( 'transition_comment_status', static function () use ( $spam ): void {
			wp_set_comment_status( $spam, 'approve' );
		} );
		$this->assertCount( 2, $this->rows( "event_type = 'comment.created'" ) );
	}

	public function test_an_account_and_an_order_are_recorded_though_another_plugin_died(): void {
		$this->while_it_throws( 'user_register', static function (): void {
			wp_insert_user( array( 'user_login' => 'u' . wp_generate_uuid4(), 'user_pass' => 'x', 'user_email' => wp_generate_uuid4() . '@site.example' ) );
		} );
		$this->assertCount( 1, $this->rows( "event_type = 'user.registered'" ) );
		FakeShop::order( 77 );
		FakeShop::pay( 77 );
		$this->while_it_throws( 'woocommerce_payment_complete', static function (): void {
			do_action( 'woocommerce_payment_complete', 77, 'txn' );
		} );
		$this->assertCount( 1, $this->rows( "event_type = 'order.paid'" ) );
	}

	public function test_what_waits_for_the_end_of_the_request_is_recorded_though_another_plugin_ends_it_there(): void {
		if ( false === getenv( 'PRESSFERRY_TEST_WORDPRESS' ) ) {
			$this->markTestSkipped( 'PHP in WebAssembly starts no other process' );
		}
		foreach ( array( 'exit', 'throw', 'exit_at_once', 'throw_at_once' ) as $how ) {
			$before = count( $this->rows() );
			exec( escapeshellarg( PHP_BINARY ) . ' -d display_errors=0 -d log_errors=0 ' . escapeshellarg( __DIR__ . '/support/dying-worker.php' ) . ' ' . $how . ' 2>&1', $output );
			$this->assertStringContainsString( 'published', implode( "\n", $output ), $how );
			$this->assertCount( $before + 1, $this->rows(), $how );
		}
	}
}
