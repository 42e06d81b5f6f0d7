<?php
/**
 * `wp pressferry`.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Cli;

use Pressferry\Admin\Checks;
use Pressferry\Admin\StatusTab;
use Pressferry\Config;
use Pressferry\Http\TestEvent;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Outbox;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Looks at, tries and drives the delivery of this site's events.
 */
final class Command {

	/** @var Checks */
	private $checks;

	/** @var Outbox */
	private $outbox;

	/** @var Dispatcher */
	private $dispatcher;

	/** @var TestEvent */
	private $test;

	/** @var NetworkCommand */
	private $network;

	public function __construct( Checks $checks, Outbox $outbox, Dispatcher $dispatcher, TestEvent $test, NetworkCommand $network ) {
		$this->checks     = $checks;
		$this->outbox     = $outbox;
		$this->dispatcher = $dispatcher;
		$this->test       = $test;
		$this->network    = $network;
	}

	/**
	 * Shows how many events are in each state, and what is wrong with the way to the backend.
	 *
	 * ## OPTIONS
	 *
	 * [--network]
	 * : On every site of the network; one line for each.
	 *
	 * [--format=<format>]
	 * : table or json.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options format.
	 */
	public function status( $args, $options ): void {
		$as_json = Options::is_json( $options );
		if ( NetworkCommand::asked( $options ) ) {
			$this->network->status( $options );
			return;
		}
		$summary = $this->outbox->summary();
		$trouble = $this->dispatcher->breaker()->trouble();
		$status  = array(
			'version'           => PRESSFERRY_VERSION,
			'site'              => Config::home(),
			'events'            => $summary['counts'],
			'oldest_waiting_at' => $summary['oldest_pending_at'],
			'last_fault'        => (string) ( $trouble['code'] ?? '' ),
			'nothing_before_ms' => (int) ( $trouble['until'] ?? 0 ),
		);
		if ( $as_json ) {
			Options::print_json( $status );
			return;
		}
		foreach ( $summary['counts'] as $name => $count ) {
			\WP_CLI::line( sprintf( '%-8s %d', $name, $count ) );
		}
		if ( '' !== $status['last_fault'] ) {
			\WP_CLI::warning( sprintf( 'the last try failed: %s', $status['last_fault'] ) );
		}
	}

	/**
	 * Sends a signed test event, and says whether the backend accepts this site. Ends with 1 when it does not.
	 *
	 * ## OPTIONS
	 *
	 * [--format=<format>]
	 * : json, or a sentence.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options format.
	 */
	public function test( $args, $options ): void {
		$as_json = Options::is_json( $options );
		$verdict = $this->test->send();
		if ( $as_json ) {
			Options::print_json( $verdict );
			\WP_CLI::halt( $verdict['ok'] ? 0 : 1 );
			return;
		}
		$sentence = StatusTab::sentence( $verdict );
		$verdict['ok'] ? \WP_CLI::success( $sentence ) : \WP_CLI::error( $sentence );
	}

	/**
	 * Sends what is due now.
	 *
	 * ## OPTIONS
	 *
	 * [--network]
	 * : On every site of the network; each sends its due events.
	 *
	 * [--all]
	 * : Makes everything due that waits, whatever the breaker says, and gives what was given up its tries again.
	 *
	 * [--format=<format>]
	 * : json, or lines.
	 *
	 * @param string[]             $args    None.
	 * @param array<string, mixed> $options all, format.
	 */
	public function dispatch( $args, $options ): void {
		$as_json = Options::is_json( $options );
		if ( NetworkCommand::asked( $options ) ) {
			$this->network->dispatch( $options );
			return;
		}
		if ( ! empty( $options['all'] ) ) {
			$this->dispatcher->redrive();
		}
		$counts = $this->dispatcher->dispatch();
		if ( $as_json ) {
			Options::print_json( $counts );
			return;
		}
		foreach ( array_filter( $counts ) as $name => $count ) {
			\WP_CLI::line( sprintf( '%-8s %d', $name, $count ) );
		}
		if ( 0 === array_sum( $counts ) ) {
			\WP_CLI::line( 'Nothing was due, or nothing may be sent now: `wp pressferry doctor` says why.' );
		}
	}

	/**
	 * Looks at everything that must be right. Ends with 1 if something is broken.
	 *
	 * ## OPTIONS
	 *
	 * [--network]
	 * : On every site of the network; ends with 1 if something is broken on one of them.
	 *
	 * [--format=<format>]
	 * : table or json.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options format.
	 */
	public function doctor( $args, $options ): void {
		$as_json = Options::is_json( $options );
		if ( NetworkCommand::asked( $options ) ) {
			$this->network->doctor( $options );
			return;
		}
		$checks = $this->checks->run();
		$broken = in_array( Checks::BAD, array_column( $checks, 'status' ), true );
		if ( $as_json ) {
			Options::print_json( $checks );
		} else {
			foreach ( $checks as $name => $check ) {
				\WP_CLI::line( sprintf( '%-12s %-10s %s', $check['status'], $name, $check['text'] ) );
			}
		}
		\WP_CLI::halt( $broken ? 1 : 0 );
	}
}
