<?php
/**
 * What must be right for events to go out and results to come in, one check each: for the status page and for `wp pressferry doctor`.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Callback\Address;
use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Http\Request;
use Pressferry\Http\Sender;
use Pressferry\Outbox\Loopback;
use Pressferry\Outbox\Trigger;
use Pressferry\State\BackendClock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Checks {

	const GOOD = 'good';
	const WARN = 'recommended';
	const BAD  = 'critical';

	// Later than that, no one runs WP-Cron.
	const CRON_LATE_S = 600;

	/** @var Config */
	private $config;

	/** @var Sender */
	private $sender;

	/** @var Trouble */
	private $trouble;

	/** @var BackendClock */
	private $backend_clock;

	public function __construct( Config $config, Sender $sender, Trouble $trouble, BackendClock $backend_clock ) {
		$this->config        = $config;
		$this->sender        = $sender;
		$this->trouble       = $trouble;
		$this->backend_clock = $backend_clock;
	}

	/**
	 * @return array<string, string> By the check's name, how people call it.
	 */
	public static function labels(): array {
		return array(
			'settings' => __( 'Settings', 'pressferry' ),
			'url'      => __( 'The backend\'s hosts', 'pressferry' ),
			'tls'      => __( 'Encryption', 'pressferry' ),
			'writing'  => __( 'Recording', 'pressferry' ),
			'sending'  => __( 'Sending', 'pressferry' ),
			'clock'    => __( 'Clock', 'pressferry' ),
			'cron'     => __( 'WP-Cron', 'pressferry' ),
			'loopback' => __( 'Requests of this site to itself', 'pressferry' ),
			'callback' => __( 'Way of results', 'pressferry' ),
		);
	}

	/**
	 * All checks; $reach asks this site itself, which takes a request.
	 *
	 * @return array<string, array{status: string, text: string}> By name.
	 */
	public function run( bool $reach = true ): array {
		$checks = array();
		foreach ( array_keys( self::labels() ) as $name ) {
			if ( $reach || 'callback' !== $name ) {
				$checks[ $name ] = $this->one( $name );
			}
		}
		return $checks;
	}

	/**
	 * One check by its name; `callback` takes a request to this site itself.
	 *
	 * @return array{status: string, text: string}
	 */
	public function one( string $name ): array {
		switch ( $name ) {
			case 'writing':
				return self::faults( self::BAD, $this->trouble->of_writing(), __( 'Events are written to the outbox.', 'pressferry' ) );
			case 'sending':
				return self::faults( self::WARN, $this->trouble->of_sending(), __( 'No event is late, given up or refused.', 'pressferry' ) );
			default:
				return $this->$name();
		}
	}

	/**
	 * @return array{status: string, text: string}
	 */
	private function settings(): array {
		$blocked = $this->sender->blocked_by();
		/* translators: %s: what is wrong. */
		return '' === $blocked ? self::found( self::GOOD, __( 'All settings are there, and the key can sign.', 'pressferry' ) ) : self::found( self::BAD, sprintf( __( 'Nothing can be sent: %s.', 'pressferry' ), $blocked ) );
	}

	/**
	 * @return array{status: string, text: string}
	 */
	private function url(): array {
		foreach ( array( 'INGRESS_URL', 'RESULTS_URL' ) as $name ) {
			$url = $this->config->get( $name );
			if ( '' !== $url && ! Request::is_allowed( $url, $this->config ) ) {
				return self::found( self::BAD, $url . ' – ' . Remedies::of( 'url_not_allowed' ) );
			}
		}
		return self::found( self::GOOD, __( 'WordPress may call the backend\'s hosts.', 'pressferry' ) );
	}

	/**
	 * @return array{status: string, text: string}
	 */
	private function tls(): array {
		if ( 'http' === wp_parse_url( $this->config->get( 'INGRESS_URL' ), PHP_URL_SCHEME ) ) {
			return self::found( self::WARN, __( 'Events are sent without encryption: PRESSFERRY_INSECURE is on.', 'pressferry' ) );
		}
		return self::found( self::GOOD, __( 'Events are sent over HTTPS.', 'pressferry' ) );
	}

	/**
	 * @return array{status: string, text: string}
	 */
	private function clock(): array {
		$offset = $this->backend_clock->offset_ms();
		if ( null === $offset ) {
			return self::found( self::GOOD, __( 'The backend has not told its time yet.', 'pressferry' ) );
		}
		if ( abs( $offset ) < 60000 ) {
			return self::found( self::GOOD, __( 'This server\'s clock is the backend\'s, to within a minute.', 'pressferry' ) );
		}
		/* translators: %d: number of seconds. */
		return self::found( self::WARN, sprintf( __( 'This server\'s clock is wrong by %d seconds. Events and results are corrected; set the clock all the same.', 'pressferry' ), intdiv( $offset, 1000 ) ) );
	}

	/**
	 * @return array{status: string, text: string}
	 */
	private static function cron(): array {
		$next = wp_next_scheduled( Trigger::CRON_HOOK );
		if ( false === $next || $next < time() - self::CRON_LATE_S ) {
			return self::found( self::WARN, __( 'WP-Cron is late by more than ten minutes: retries wait for it. Have the server\'s cron call wp-cron.php each minute.', 'pressferry' ) );
		}
		return self::found( self::GOOD, __( 'WP-Cron runs.', 'pressferry' ) );
	}

	/**
	 * @return array{status: string, text: string}
	 */
	private static function loopback(): array {
		if ( Trigger::can_answer_first() ) {
			return self::found( self::GOOD, __( 'This server answers visitors first, and sends afterwards.', 'pressferry' ) );
		}
		if ( Loopback::OFF === Loopback::known() ) {
			return self::found( self::WARN, __( 'This site does not reach itself, so that events wait for the next tick of WP-Cron, a minute at most.', 'pressferry' ) );
		}
		return self::found( self::GOOD, __( 'This site reaches itself, or has not had to try yet.', 'pressferry' ) );
	}

	/**
	 * Whether a push would find the plugin: an unsigned one must get the plugin's own refusal.
	 *
	 * @return array{status: string, text: string}
	 */
	private static function callback(): array {
		$url = Address::of_results();
		if ( true === Address::answers( $url ) ) {
			/* translators: %s: a URL. */
			return self::found( self::GOOD, sprintf( __( 'Results find the plugin at %s.', 'pressferry' ), $url ) );
		}
		/* translators: %s: a URL. */
		return self::found( self::WARN, sprintf( __( 'From this server, the plugin does not answer at %s: something blocks the REST API, or this site does not reach itself.', 'pressferry' ), $url ) );
	}

	/**
	 * @param string[] $faults
	 * @return array{status: string, text: string}
	 */
	private static function faults( string $status, array $faults, string $good ): array {
		return array() === $faults ? self::found( self::GOOD, $good ) : self::found( $status, implode( ' ', $faults ) );
	}

	/**
	 * @return array{status: string, text: string}
	 */
	private static function found( string $status, string $text ): array {
		return array(
			'status' => $status,
			'text'   => $text,
		);
	}
}
