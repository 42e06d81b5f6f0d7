<?php
/**
 * Puts the parts together; the only place that knows them all.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

use Pressferry\Admin\Area;
use Pressferry\Backend\Api;
use Pressferry\Backend\Heartbeat;
use Pressferry\Backend\Identity;
use Pressferry\Backend\Poll;
use Pressferry\Callback\Inbox;
use Pressferry\Callback\Results;
use Pressferry\Callback\SignedRoutes;
use Pressferry\Callback\Status;
use Pressferry\Callback\Verifier;
use Pressferry\Consumers\Consumers;
use Pressferry\Events\Recorder;
use Pressferry\Events\Sources;
use Pressferry\Http\Sender;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Retention;
use Pressferry\Outbox\Schema;
use Pressferry\Outbox\Spool;
use Pressferry\Outbox\Trigger;
use Pressferry\State\BackendClock;
use Pressferry\State\TimeCheck;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Plugin {

	/** @var Recorder|null What records events, for functions that other code calls. */
	private static $recorder;

	public static function boot(): void {
		$clock         = new Clock();
		$config        = new Config();
		$backend_clock = new BackendClock( $clock );
		$outbox        = new Outbox( $clock );
		$spool         = new Spool( $outbox, $clock );
		$inbox         = new Inbox( $clock );
		$sender        = new Sender( $config );

		$dispatcher = new Dispatcher( compact( 'outbox', 'sender', 'config', 'clock', 'backend_clock', 'spool' ) );
		$trigger    = new Trigger( $dispatcher, $clock );
		$trigger->register();

		$recorder       = new Recorder( $outbox, $spool, $trigger, $clock );
		self::$recorder = $recorder;
		$recorder->register();
		$sources = new Sources( $config );
		$sources->register( $recorder );
		self::when_initialised( array( self::class, 'other_sources' ) );

		$results   = new Results( $inbox, $outbox );
		$api       = new Api( $config, $backend_clock, $clock );
		$identity  = new Identity( $config, $api, $outbox, $clock );
		$poll      = new Poll( $api, $sender, $results, $clock );
		$heartbeat = new Heartbeat( compact( 'config', 'clock', 'backend_clock', 'outbox', 'dispatcher', 'api', 'identity' ) );
		add_action( Trigger::CRON_HOOK, array( $poll, 'poll_if_due' ), 30 );
		add_action( Trigger::CRON_HOOK, array( $heartbeat, 'beat' ), 40 );
		$time = new TimeCheck( $sender, $backend_clock, $clock );
		self::routes( $config, $time, $results, new Status( $outbox, $inbox, $clock ), array( $dispatcher, $heartbeat ) );
		( new Area( compact( 'config', 'clock', 'backend_clock', 'outbox', 'spool', 'inbox', 'sender', 'dispatcher', 'sources', 'api', 'identity', 'poll', 'heartbeat' ) ) )->register();
		Consumers::register();
		Languages::register();
		// After the heartbeat, which tells the time.
		add_action( Trigger::CRON_HOOK, array( new Retention( $time, $clock, $backend_clock ), 'run' ), 50 );
		add_filter( 'wpmu_drop_tables', array( self::class, 'drop_tables' ) );
	}

	public static function other_sources(): void {
		/**
		 * Other sources register here, each with `( new MySource() )->register( $recorder )`; early at `init`, so a theme can, too.
		 *
		 * @since 0.1.0
		 *
		 * @param Recorder $recorder Records events: record( callable ), capture( string, callable ).
		 */
		do_action( 'pressferry_sources', self::$recorder );
	}

	/**
	 * Null before the plugin has started.
	 */
	public static function recorder(): ?Recorder {
		return self::$recorder;
	}

	/**
	 * Stops the ticker, of every site of a network that switches the plugin off; events and results stay.
	 *
	 * @param bool $network_wide
	 */
	public static function deactivate( $network_wide = false ): void {
		if ( ! is_multisite() || ! $network_wide ) {
			wp_clear_scheduled_hook( Trigger::CRON_HOOK );
			return;
		}
		$sites = get_sites(
			array(
				'network_id' => get_current_network_id(),
				'number'     => 0,
				'fields'     => 'ids',
			)
		);
		foreach ( $sites as $site ) {
			Network::on(
				$site,
				static function (): void {
					wp_clear_scheduled_hook( Trigger::CRON_HOOK );
				}
			);
		}
	}

	/**
	 * @param string[] $tables Tables of a site of a network that is being deleted.
	 * @return string[]
	 */
	public static function drop_tables( $tables ) {
		return array_merge( $tables, array( Schema::outbox(), Schema::inbox() ) );
	}

	private static function when_initialised( callable $callback ): void {
		did_action( 'init' ) ? $callback() : add_action( 'init', $callback, 1 );
	}

	/**
	 * @param array{0: Dispatcher, 1: Heartbeat} $woken What a poke sets going.
	 */
	private static function routes( Config $config, TimeCheck $time, Results $results, Status $status, array $woken ): void {
		list( $dispatcher, $heartbeat ) = $woken;
		$routes                         = array(
			'/results'  => array(
				'handler' => array( $results, 'receive' ),
				'members' => null,
			),
			'/status'   => array(
				'handler' => array( $status, 'report' ),
				'members' => array( 'idempotency_key', 'object_ref' ),
			),
			// The backend's poke: a site whose WP-Cron is dead still drains.
			'/dispatch' => array(
				'handler' => static function ( array $body ) use ( $status, $dispatcher, $heartbeat ): array {
					$redriven = empty( $body['redrive'] ) ? 0 : $dispatcher->redrive();
					$counts   = $dispatcher->dispatch();
					$heartbeat->beat();
					return array( 'redriven' => $redriven ) + $counts + array( 'outbox' => $status->outbox() );
				},
				'members' => array( 'redrive' ),
			),
		);
		( new SignedRoutes( new Verifier( $config, $time ), $config, $routes ) )->register();
	}
}
