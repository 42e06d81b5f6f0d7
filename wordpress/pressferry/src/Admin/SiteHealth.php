<?php
/**
 * Site Health: is the configuration complete, and does the outbox move?
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Http\Sender;
use Pressferry\Outbox\Outbox;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class SiteHealth {

	// Five ticks of WP-Cron.
	const LATE_MS = 300000;

	/** @var Config */
	private $config;

	/** @var Sender */
	private $sender;

	/** @var Outbox */
	private $outbox;

	/** @var Clock */
	private $clock;

	/**
	 * @param array{config: Config, sender: Sender, outbox: Outbox, clock: Clock} $deps
	 */
	public function __construct( array $deps ) {
		$this->config = $deps['config'];
		$this->sender = $deps['sender'];
		$this->outbox = $deps['outbox'];
		$this->clock  = $deps['clock'];
	}

	public function register(): void {
		add_filter( 'site_status_tests', array( $this, 'tests' ) );
		add_filter( 'debug_information', array( $this, 'information' ) );
	}

	/**
	 * @param array<string, mixed> $tests
	 * @return array<string, mixed>
	 */
	public function tests( $tests ) {
		$tests['direct']['pressferry_configuration'] = array(
			'label' => __( 'Pressferry configuration', 'pressferry' ),
			'test'  => array( $this, 'configuration' ),
		);
		$tests['direct']['pressferry_outbox']        = array(
			'label' => __( 'Pressferry outbox', 'pressferry' ),
			'test'  => array( $this, 'outbox' ),
		);
		return $tests;
	}

	/**
	 * @return array<string, mixed>
	 */
	public function configuration(): array {
		$blocked = $this->sender->blocked_by();
		if ( '' === $blocked ) {
			return self::result( 'pressferry_configuration', 'good', __( 'Pressferry is configured', 'pressferry' ), __( 'Events can be signed and sent.', 'pressferry' ) );
		}
		/* translators: %s: the names of settings. */
		$text = sprintf( __( 'Events are kept, but none is sent: %s.', 'pressferry' ), $blocked );
		return self::result( 'pressferry_configuration', 'critical', __( 'Pressferry cannot send events', 'pressferry' ), $text );
	}

	/**
	 * @return array<string, mixed>
	 */
	public function outbox(): array {
		$summary = $this->outbox->summary();
		$late    = $summary['oldest_pending_at'] > 0 && $this->clock->now_ms() - $summary['oldest_pending_at'] > self::LATE_MS;
		$dead    = ( $summary['counts']['dead'] ?? 0 ) + ( $summary['counts']['refused'] ?? 0 );
		if ( ! $late && 0 === $dead ) {
			return self::result( 'pressferry_outbox', 'good', __( 'Pressferry delivers events', 'pressferry' ), __( 'No event is late, dead or refused.', 'pressferry' ) );
		}
		/* translators: 1: yes or no, 2: a number. */
		$text = sprintf( __( 'An event has waited for more than five minutes: %1$s. Events given up or refused: %2$d.', 'pressferry' ), $late ? __( 'yes', 'pressferry' ) : __( 'no', 'pressferry' ), $dead );
		return self::result( 'pressferry_outbox', 'recommended', __( 'Pressferry events need attention', 'pressferry' ), $text );
	}

	/**
	 * Names and sources of settings, never a value.
	 *
	 * @param array<string, mixed> $info
	 * @return array<string, mixed>
	 */
	public function information( $info ) {
		$fields = array();
		foreach ( array( 'SITE_ID', 'ISSUER', 'AUDIENCE', 'KID', 'PRIVATE_KEY', 'HMAC_SECRET', 'HMAC_SECRET_PREVIOUS', 'INGRESS_URL' ) as $name ) {
			$fields[ $name ] = array(
				'label' => 'PRESSFERRY_' . $name,
				'value' => $this->config->source( $name ),
			);
		}
		$info['pressferry'] = array(
			'label'  => 'Pressferry',
			'fields' => $fields,
		);
		return $info;
	}

	/**
	 * @return array<string, mixed>
	 */
	private static function result( string $test, string $status, string $label, string $text ): array {
		return array(
			'test'        => $test,
			'status'      => $status,
			'label'       => $label,
			'badge'       => array(
				'label' => 'Pressferry',
				'color' => 'blue',
			),
			'description' => '<p>' . esc_html( $text ) . '</p>',
		);
	}
}
