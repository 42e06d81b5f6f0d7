<?php
/**
 * When dispatching happens: after the answer has left, else in a loopback request, else at the next tick of WP-Cron.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;
use Pressferry\Network;
use Pressferry\State\Breaker;
use Pressferry\State\DispatchLock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Trigger {

	const CRON_HOOK     = 'pressferry_tick';
	const CRON_SCHEDULE = 'pressferry_minute';

	// How long a visitor waits at most while other sites of the network are told that they have something to send.
	const TELL_OTHERS_MS = 500;

	/** @var Dispatcher */
	private $dispatcher;

	/** @var Loopback */
	private $loopback;

	/** @var Clock */
	private $clock;

	/** @var array<int, true> By number, the sites of the network in whose outbox this request put something. */
	private $queued = array();

	public function __construct( Dispatcher $dispatcher, Clock $clock ) {
		$this->dispatcher = $dispatcher;
		$this->loopback   = new Loopback( $clock );
		$this->clock      = $clock;
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
	 * Says that this request put something in the present site's outbox.
	 */
	public function queued(): void {
		$this->queued[ get_current_blog_id() ] = true;
	}

	/**
	 * @param array<string, array<string, mixed>> $schedules
	 * @return array<string, array<string, mixed>>
	 */
	public static function schedules( $schedules ) {
		$schedules[ self::CRON_SCHEDULE ] = array(
			'interval' => MINUTE_IN_SECONDS,
			'display'  => __( 'Every minute (Pressferry)', 'pressferry' ),
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
		$this->attempt(
			function (): void {
				$this->dispatch( true );
				if ( ! self::can_answer_first() ) {
					$this->loopback->maintain();
				}
			}
		);
	}

	public function on_shutdown(): void {
		$blogs        = array_keys( $this->queued );
		$this->queued = array();
		$until_ms     = $this->clock->now_ms() + ( self::can_answer_first() || wp_doing_cron() ? Dispatcher::BUDGET_MS : self::TELL_OTHERS_MS );
		foreach ( $blogs as $blog ) {
			$this->attempt(
				function () use ( $blog, $until_ms ): void {
					Network::on(
						$blog,
						function () use ( $until_ms ): void {
							// Another site's requests may be rare; its tick is there when one comes.
							$this->ensure_tick();
							$this->clock->now_ms() < $until_ms ? $this->hand_over() : self::tick_soon();
						}
					);
				}
			);
		}
	}

	/**
	 * The loopback's entrance: one POST with a one-time token, free of admin-ajax and of REST, which sites block.
	 */
	public function serve_loopback(): void {
		// phpcs:disable WordPress.Security.NonceVerification -- the one-time token is the check; there is no user.
		if ( ! isset( $_GET[ Loopback::QUERY ], $_POST['token'] ) || ! is_string( $_POST['token'] ) ) {
			return;
		}
		$allowed = $this->loopback->arrived( sanitize_text_field( wp_unslash( $_POST['token'] ) ) );
		// phpcs:enable
		status_header( $allowed ? 202 : 403 );
		nocache_headers();
		if ( $allowed ) {
			self::answer_first();
			$this->attempt(
				function (): void {
					$this->dispatch( false );
				}
			);
		}
		exit;
	}

	/**
	 * Sends, or has it sent, without the visitor waiting: 0.24 s instead of 2.3 s for 2 s of work was measured with php-fpm.
	 */
	private function hand_over(): void {
		// The command line leaves it to the tick.
		if ( ! isset( $_SERVER['REQUEST_METHOD'] ) || ( defined( 'WP_CLI' ) && WP_CLI ) || ( defined( 'WP_IMPORTING' ) && WP_IMPORTING ) ) {
			return;
		}
		if ( PHP_SESSION_ACTIVE === session_status() ) {
			session_write_close();
		}
		if ( wp_doing_cron() ) {
			$this->dispatch( true );
			return;
		}
		if ( self::answer_first() ) {
			$this->dispatch( false );
			return;
		}
		// A backend that does not answer is left to the tick: each process spent on it is one that serves no visitor.
		$mode = $this->dispatcher->breaker()->mode( $this->clock->now_ms() );
		if ( Breaker::CLOSED !== $mode ) {
			if ( Breaker::PROBE === $mode ) {
				self::tick_soon();
			}
			return;
		}
		// It may be lost, also where others have arrived, and no one would notice: the tick stands in.
		$this->loopback->send();
		self::tick_soon();
	}

	private function dispatch( bool $may_probe ): void {
		$counts = $this->dispatcher->dispatch( $may_probe );
		$mode   = 0 === $counts['busy'] ? $this->dispatcher->mode() : Breaker::CLOSED;
		if ( ! $may_probe && Breaker::CLOSED !== $mode ) {
			if ( Breaker::PROBE === $mode ) {
				self::tick_soon();
			}
			return;
		}
		// Who holds the lock sends what waits, and who holds a row settles it, unless it is dead, which a lease does not tell: it ends sooner than a minute.
		if ( $counts['busy'] > 0 ? ! DispatchLock::ends_with_its_process() : $this->dispatcher->is_sending() ) {
			self::tick_soon();
		}
	}

	/**
	 * Has the tick run with the next WP-Cron, and not only when its minute is over: nothing else will send the recorded events.
	 */
	private static function tick_soon(): void {
		if ( (int) wp_next_scheduled( self::CRON_HOOK ) > time() ) {
			wp_clear_scheduled_hook( self::CRON_HOOK );
			wp_schedule_event( time(), self::CRON_SCHEDULE, self::CRON_HOOK );
		}
	}

	/**
	 * Whether this server lets a process answer first and work on afterwards.
	 */
	public static function can_answer_first(): bool {
		return function_exists( 'fastcgi_finish_request' ) || function_exists( 'litespeed_finish_request' );
	}

	/**
	 * Ends the answer to the visitor as far as this server can.
	 *
	 * @return bool Whether it has ended for certain, so this process may take its time.
	 */
	private static function answer_first(): bool {
		function_exists( 'ignore_user_abort' ) && ignore_user_abort( true );
		foreach ( array( 'fastcgi_finish_request', 'litespeed_finish_request' ) as $finish ) {
			if ( function_exists( $finish ) ) {
				$finish();
				return true;
			}
		}
		// The usual answer to a comment or a form is a redirect without a body: its end can be said.
		if ( ! headers_sent() && 0 === (int) ob_get_length() && ! ini_get( 'zlib.output_compression' ) && 'cli' !== PHP_SAPI ) {
			header( 'Content-Length: 0' );
			header( 'Connection: close' );
			flush();
		}
		return false;
	}

	private function attempt( callable $work ): void {
		try {
			$work();
		} catch ( \Throwable $error ) {
			/**
			 * Dispatching failed on a fault of the code.
			 *
			 * @since 0.1.0
			 *
			 * @param string $class The error's class; its message may quote what a visitor typed.
			 */
			do_action( 'pressferry_dispatch_failed', get_class( $error ) );
		}
	}
}
