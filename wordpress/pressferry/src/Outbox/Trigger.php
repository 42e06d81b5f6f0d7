<?php
/**
 * When dispatching happens: after the answer has left, else in a loopback request, else at the next tick of WP-Cron.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Trigger {

	const CRON_HOOK     = 'pressferry_tick';
	const CRON_SCHEDULE = 'pressferry_minute';
	const LINGER_US     = 100000;

	/** @var Dispatcher */
	private $dispatcher;

	/** @var LoopbackToken */
	private $tokens;

	/** @var bool */
	private $queued = false;

	public function __construct( Dispatcher $dispatcher, Clock $clock ) {
		$this->dispatcher = $dispatcher;
		$this->tokens     = new LoopbackToken( $clock );
	}

	/**
	 * Hooks in the ticker, the loopback's entrance and the end of the request.
	 */
	public function register(): void {
		// phpcs:ignore WordPress.WP.CronInterval.CronSchedulesInterval -- the ticker of a queue; it does nothing when nothing is due.
		add_filter( 'cron_schedules', array( self::class, 'schedules' ) );
		add_action( 'init', array( $this, 'ensure_tick' ) );
		add_action( self::CRON_HOOK, array( $this, 'tick' ) );
		add_action( 'wp_loaded', array( $this, 'serve_loopback' ) );
		// After WordPress flushed its buffers (1) and spawned cron (10).
		add_action( 'shutdown', array( $this, 'on_shutdown' ), 100 );
	}

	/**
	 * Says that this request put something in the outbox.
	 */
	public function queued(): void {
		$this->queued = true;
	}

	/**
	 * @param array<string, array<string, mixed>> $schedules
	 * @return array<string, array<string, mixed>>
	 */
	public static function schedules( $schedules ) {
		$schedules[ self::CRON_SCHEDULE ] = array(
			'interval' => MINUTE_IN_SECONDS,
			'display'  => 'Every minute (Pressferry)',
		);
		return $schedules;
	}

	public function ensure_tick(): void {
		$next = wp_next_scheduled( self::CRON_HOOK );
		// Further off than the interval: a clock that ran fast wrote it, and would keep the tick away until that time.
		if ( false !== $next && $next > time() + 2 * MINUTE_IN_SECONDS ) {
			wp_clear_scheduled_hook( self::CRON_HOOK );
			$next = false;
		}
		if ( false === $next ) {
			wp_schedule_event( time(), self::CRON_SCHEDULE, self::CRON_HOOK );
		}
	}

	public function tick(): void {
		try {
			$this->tokens->sweep();
			$this->dispatcher->dispatch();
		} catch ( \Throwable $error ) {
			do_action( 'pressferry_dispatch_failed', get_class( $error ) );
		}
	}

	public function on_shutdown(): void {
		if ( ! $this->queued ) {
			return;
		}
		$this->queued = false;
		try {
			$this->hand_over();
		} catch ( \Throwable $error ) {
			do_action( 'pressferry_dispatch_failed', get_class( $error ) );
		}
	}

	/**
	 * Sends without the visitor waiting: 0.24 s instead of 2.3 s for 2 s of work was measured with php-fpm.
	 */
	private function hand_over(): void {
		$by_hand = ! isset( $_SERVER['REQUEST_METHOD'] ) || ( defined( 'WP_CLI' ) && WP_CLI ) || ( defined( 'WP_IMPORTING' ) && WP_IMPORTING );
		if ( $by_hand ) {
			return;
		}
		if ( PHP_SESSION_ACTIVE === session_status() ) {
			session_write_close();
		}
		if ( wp_doing_cron() || $this->detach() ) {
			$this->dispatcher->dispatch();
			return;
		}
		$this->loop_back();
	}

	private function detach(): bool {
		foreach ( array( 'fastcgi_finish_request', 'litespeed_finish_request' ) as $finish ) {
			if ( function_exists( $finish ) ) {
				$finish();
				return true;
			}
		}
		return false;
	}

	private function loop_back(): void {
		// cURL waits a whole second for an answer nobody reads; the socket transport leaves at once.
		$leave_at_once = static function ( &$url, &$headers, &$data, &$type, &$options ): void {
			foreach ( array( 'WpOrg\\Requests\\Transport\\Fsockopen', 'Requests_Transport_fsockopen' ) as $transport ) {
				if ( class_exists( $transport ) && $transport::test( array( 'ssl' => 0 === strpos( $url, 'https://' ) ) ) ) {
					$options['transport']       = $transport;
					$options['connect_timeout'] = 1.0;
					return;
				}
			}
		};
		// Hanging up in the same instant loses the request where a proxy sits in between (always so in WordPress Playground).
		$linger = static function (): void {
			usleep( self::LINGER_US );
		};
		add_action( 'requests-requests.before_request', $leave_at_once, 10, 5 );
		add_action( 'requests-fsockopen.after_send', $linger );
		try {
			wp_remote_post(
				add_query_arg( 'pressferry-dispatch', '1', site_url( '/index.php' ) ),
				array(
					'blocking'    => false,
					'timeout'     => 0.01,
					'redirection' => 0,
					'body'        => array( 'token' => $this->tokens->issue() ),
					'sslverify'   => apply_filters( 'https_local_ssl_verify', false ), // phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- core's own filter.
				)
			);
		} finally {
			remove_action( 'requests-requests.before_request', $leave_at_once, 10 );
			remove_action( 'requests-fsockopen.after_send', $linger );
		}
	}

	/**
	 * The loopback's entrance: one POST with a one-time token, free of admin-ajax and of REST, which sites block.
	 */
	public function serve_loopback(): void {
		// phpcs:disable WordPress.Security.NonceVerification -- the one-time token is the check; there is no user.
		if ( ! isset( $_GET['pressferry-dispatch'], $_POST['token'] ) || ! is_string( $_POST['token'] ) ) {
			return;
		}
		$allowed = $this->tokens->spend( sanitize_text_field( wp_unslash( $_POST['token'] ) ) );
		// phpcs:enable
		status_header( $allowed ? 202 : 403 );
		nocache_headers();
		if ( $allowed ) {
			ignore_user_abort( true );
			$this->detach();
			$this->tick();
		}
		exit;
	}
}
