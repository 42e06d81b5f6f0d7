<?php
/**
 * What the dashboard, Site Health and the command line show, built only when one of them asks: a visitor's request loads none of it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Backend\Api;
use Pressferry\Backend\Heartbeat;
use Pressferry\Backend\Identity;
use Pressferry\Backend\NetworkEnrolment;
use Pressferry\Backend\Poll;
use Pressferry\Backend\RoundTrip;
use Pressferry\Callback\Inbox;
use Pressferry\Cli\Command;
use Pressferry\Cli\ConnectionCommand;
use Pressferry\Cli\KeysCommand;
use Pressferry\Cli\NetworkCommand;
use Pressferry\Cli\OutboxCommand;
use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Events\Sources;
use Pressferry\Http\Sender;
use Pressferry\Http\TestEvent;
use Pressferry\NetworkSites;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Log;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Spool;
use Pressferry\Privacy\PersonalData;
use Pressferry\State\BackendClock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Area {

	/** @var array{config: Config, clock: Clock, backend_clock: BackendClock, outbox: Outbox, spool: Spool, inbox: Inbox, sender: Sender, dispatcher: Dispatcher, sources: Sources, api: Api, identity: Identity, poll: Poll, heartbeat: Heartbeat} */
	private $parts;

	/**
	 * @param array{config: Config, clock: Clock, backend_clock: BackendClock, outbox: Outbox, spool: Spool, inbox: Inbox, sender: Sender, dispatcher: Dispatcher, sources: Sources, api: Api, identity: Identity, poll: Poll, heartbeat: Heartbeat} $parts
	 */
	public function __construct( array $parts ) {
		$this->parts = $parts;
	}

	public function register(): void {
		add_filter( 'site_status_tests', array( $this, 'site_health_tests' ) );
		add_action( 'wp_ajax_' . SiteHealth::AJAX, array( $this, 'answer_site_health' ) );
		add_filter( 'debug_information', array( $this, 'site_health_information' ) );
		add_action( 'admin_notices', array( $this, 'notices' ) );
		add_action( 'add_meta_boxes', array( $this, 'meta_boxes' ) );
		add_action( 'wp_ajax_pressferry_results', array( $this, 'answer_box' ) );
		add_action( 'wp_ajax_' . ConnectTab::AJAX, array( $this, 'answer_trip' ) );
		add_action( 'admin_menu', array( $this, 'menu' ) );
		add_action( 'admin_post_pressferry', array( $this, 'act' ) );
		add_filter( 'removable_query_args', array( Screen::class, 'removable' ) );
		add_filter( 'plugin_action_links_' . plugin_basename( PRESSFERRY_PLUGIN_FILE ), array( Screen::class, 'links' ) );
		add_filter( 'wp_privacy_personal_data_exporters', array( PersonalData::class, 'exporters' ) );
		add_filter( 'wp_privacy_personal_data_erasers', array( PersonalData::class, 'erasers' ) );
		add_action( 'admin_init', array( PersonalData::class, 'policy' ) );
		add_action( 'deleted_post', array( PersonalData::class, 'forget_post' ) );
		( new Abilities( new Log( $this->parts['clock'] ), $this->parts['outbox'] ) )->register();
		if ( is_multisite() ) {
			add_action( 'network_admin_menu', array( $this, 'network_menu' ) );
			add_action( 'network_admin_edit_' . NetworkScreen::ACTION, array( $this, 'act_on_network' ) );
			add_action( 'wp_ajax_' . NetworkScreen::ACTION, array( $this, 'answer_network' ) );
		}
		if ( defined( 'WP_CLI' ) && WP_CLI ) {
			\WP_CLI::add_command( 'pressferry', new Command( $this->checks(), $this->parts['outbox'], $this->parts['dispatcher'], $this->test(), $this->network_command() ) );
			\WP_CLI::add_command( 'pressferry keys', new KeysCommand( $this->parts['identity'] ) );
			// A command is a class: its methods are added one by one to those of the other.
			$connection = new ConnectionCommand( array( 'network' => $this->network_command() ) + $this->connection_parts() );
			foreach ( array( 'enroll', 'disconnect', 'trip', 'poll', 'heartbeat', 'moved', 'forget_original' ) as $name ) {
				\WP_CLI::add_command( 'pressferry ' . str_replace( '_', '-', $name ), array( $connection, $name ) );
			}
			\WP_CLI::add_command( 'pressferry outbox', new OutboxCommand( new Log( $this->parts['clock'] ), $this->parts['outbox'], $this->network_command() ) );
		}
	}

	/**
	 * @param array<string, mixed> $tests
	 * @return array<string, mixed>
	 */
	public function site_health_tests( $tests ) {
		return $this->site_health()->tests( $tests );
	}

	/**
	 * @param array<string, mixed> $information
	 * @return array<string, mixed>
	 */
	public function site_health_information( $information ) {
		return $this->site_health()->information( $information );
	}

	public function answer_site_health(): void {
		$this->site_health()->answer();
	}

	public function notices(): void {
		( new Notice( $this->trouble(), $this->parts['config'] ) )->render();
	}

	public function meta_boxes(): void {
		$this->results_box()->add();
	}

	public function answer_box(): void {
		$this->results_box()->answer();
	}

	public function menu(): void {
		$this->screen()->add();
	}

	public function act(): void {
		$this->screen()->act();
	}

	public function answer_trip(): void {
		$this->connect_tab()->answer();
	}

	public function network_menu(): void {
		$this->network_screen()->add();
	}

	public function act_on_network(): void {
		$this->network_screen()->act();
	}

	public function answer_network(): void {
		$this->network_screen()->answer();
	}

	private function network_screen(): NetworkScreen {
		return new NetworkScreen( $this->network_parts() + $this->parts );
	}

	/**
	 * @return array{config: Config, identity: Identity, trip: RoundTrip, poll: Poll, heartbeat: Heartbeat}
	 */
	private function connection_parts(): array {
		return array( 'trip' => $this->trip() ) + array_intersect_key( $this->parts, array_flip( array( 'config', 'identity', 'poll', 'heartbeat' ) ) );
	}

	private function network_command(): NetworkCommand {
		return new NetworkCommand(
			array(
				'checks'     => $this->checks(),
				'dispatcher' => $this->parts['dispatcher'],
				'log'        => new Log( $this->parts['clock'] ),
			) + $this->network_parts()
		);
	}

	/**
	 * @return array{sites: NetworkSites, enrolment: NetworkEnrolment}
	 */
	private function network_parts(): array {
		return array(
			'sites'     => new NetworkSites( $this->parts['config'], $this->parts['outbox'], $this->parts['dispatcher'], new Log( $this->parts['clock'] ) ),
			'enrolment' => new NetworkEnrolment( $this->parts['config'], $this->parts['identity'], $this->parts['heartbeat'], $this->parts['clock'] ),
		);
	}

	private function connect_tab(): ConnectTab {
		return new ConnectTab( $this->connection_parts() );
	}

	private function trip(): RoundTrip {
		return new RoundTrip( array( 'test' => $this->test() ) + $this->parts );
	}

	private function results_box(): ResultsBox {
		return new ResultsBox( $this->parts['inbox'], $this->parts['outbox'] );
	}

	private function screen(): Screen {
		$connect = array( 'connect' => $this->connect_tab() );
		$others  = array(
			'status'   => new StatusTab( $this->checks(), $this->parts['outbox'], $this->parts['dispatcher'], $this->test() ),
			'settings' => new SettingsTab( $this->parts['config'], $this->parts['sources'] ),
			'fields'   => new FieldsTab(),
			'log'      => new LogTab( new Log( $this->parts['clock'] ), $this->parts['dispatcher'], $this->parts['inbox'], $this->results_box() ),
		);
		// The first one opens: what is still to be done, else how it goes.
		$is_ready = array() === $this->parts['config']->missing() && '' === $this->parts['config']->copy_of();
		return new Screen( $is_ready ? array( 'status' => $others['status'] ) + $connect + $others : $connect + $others );
	}

	private function site_health(): SiteHealth {
		return new SiteHealth( $this->parts['config'], $this->parts['sender'], $this->trouble(), $this->checks() );
	}

	private function checks(): Checks {
		return new Checks( $this->parts['config'], $this->parts['sender'], $this->trouble(), $this->parts['backend_clock'] );
	}

	private function test(): TestEvent {
		return new TestEvent( $this->parts['sender'], $this->parts['backend_clock'], $this->parts['clock'], $this->parts['outbox'] );
	}

	private function trouble(): Trouble {
		return new Trouble( $this->parts['outbox'], $this->parts['spool'], $this->parts['dispatcher'], $this->parts['clock'] );
	}
}
