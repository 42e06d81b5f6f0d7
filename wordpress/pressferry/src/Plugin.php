<?php
/**
 * Puts the parts together; the only place that knows them all.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

use Pressferry\Admin\ResultsBox;
use Pressferry\Admin\SiteHealth;
use Pressferry\Callback\Inbox;
use Pressferry\Callback\Results;
use Pressferry\Callback\SignedRoutes;
use Pressferry\Callback\Status;
use Pressferry\Callback\Verifier;
use Pressferry\Events\CommentCreated;
use Pressferry\Events\PostPublished;
use Pressferry\Events\Recorder;
use Pressferry\Http\Sender;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Schema;
use Pressferry\Outbox\Trigger;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Plugin {

	/**
	 * Builds the parts and hooks them in; keeps no state but WordPress' hooks.
	 */
	public static function boot(): void {
		$clock  = new Clock();
		$config = new Config();
		$outbox = new Outbox( $clock );
		$inbox  = new Inbox( $clock );
		$sender = new Sender( $config );

		$dispatcher = new Dispatcher( $outbox, $sender, $config, $clock );
		$trigger    = new Trigger( $dispatcher, $clock );
		$trigger->register();

		$recorder = new Recorder( $outbox, $trigger );
		foreach ( array( new PostPublished(), new CommentCreated() ) as $source ) {
			$source->register( $recorder );
		}
		/**
		 * Other sources register here, each with `( new MySource() )->register( $recorder )`.
		 */
		do_action( 'pressferry_sources', $recorder );

		self::routes( $config, $clock, $outbox, $inbox, $dispatcher );
		( new ResultsBox( $inbox, $outbox ) )->register();
		( new SiteHealth( compact( 'config', 'sender', 'outbox', 'clock' ) ) )->register();
		add_filter( 'wpmu_drop_tables', array( self::class, 'drop_tables' ) );
	}

	/**
	 * Stops the ticker; events and results stay.
	 */
	public static function deactivate(): void {
		wp_clear_scheduled_hook( Trigger::CRON_HOOK );
	}

	/**
	 * @param string[] $tables Tables of a site of a network that is being deleted.
	 * @return string[]
	 */
	public static function drop_tables( $tables ) {
		return array_merge( $tables, array( Schema::outbox(), Schema::inbox() ) );
	}

	private static function routes( Config $config, Clock $clock, Outbox $outbox, Inbox $inbox, Dispatcher $dispatcher ): void {
		$handlers = array(
			'/results'  => array( new Results( $inbox ), 'receive' ),
			'/status'   => array( new Status( $outbox, $inbox, $clock ), 'report' ),
			// The backend's poke: a site whose WP-Cron is dead still drains.
			'/dispatch' => static function ( array $body ) use ( $outbox, $dispatcher ): array {
				$redriven = 0;
				if ( ! empty( $body['redrive'] ) ) {
					$redriven = $outbox->hasten( 100 ) + $outbox->redrive( 100 );
					delete_option( Dispatcher::PAUSE_OPTION );
				}
				return array( 'redriven' => $redriven ) + $dispatcher->dispatch() + array( 'outbox' => $outbox->summary() );
			},
		);
		( new SignedRoutes( new Verifier( $config, $clock ), $handlers ) )->register();
	}
}
