<?php
/**
 * Site Health: is the configuration complete, are events written, does the outbox move, and does all work on which that depends?
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Config;
use Pressferry\Http\Sender;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class SiteHealth {

	const CALLBACK = 'pressferry_callback';
	// Site Health makes it of the test's name.
	const AJAX = 'health-check-pressferry-callback';

	/** @var Config */
	private $config;

	/** @var Sender */
	private $sender;

	/** @var Trouble */
	private $trouble;

	/** @var Checks */
	private $checks;

	public function __construct( Config $config, Sender $sender, Trouble $trouble, Checks $checks ) {
		$this->config  = $config;
		$this->sender  = $sender;
		$this->trouble = $trouble;
		$this->checks  = $checks;
	}

	/**
	 * @param array<string, mixed> $tests
	 * @return array<string, mixed>
	 */
	public function tests( $tests ) {
		$labels = array(
			'configuration' => __( 'Pressferry configuration', 'pressferry' ),
			'writing'       => __( 'Pressferry records events', 'pressferry' ),
			'outbox'        => __( 'Pressferry outbox', 'pressferry' ),
		);
		foreach ( $labels as $name => $label ) {
			$tests['direct'][ 'pressferry_' . $name ] = array(
				'label' => $label,
				'test'  => array( $this, $name ),
			);
		}
		foreach ( array_diff_key( self::labels(), array( 'callback' => '' ) ) as $name => $label ) {
			$tests['direct'][ 'pressferry_' . $name ] = array(
				'label' => $label,
				'test'  => function () use ( $name ): array {
					return $this->check( $name );
				},
			);
		}
		// By the browser, once the page is there: the site asks itself.
		$tests['async'][ self::CALLBACK ] = array(
			'label'             => self::labels()['callback'],
			'test'              => self::CALLBACK,
			'async_direct_test' => function (): array {
				return $this->check( 'callback' );
			},
		);
		return $tests;
	}

	/**
	 * Answers the browser that runs the test which takes a request.
	 */
	public function answer(): void {
		check_ajax_referer( 'health-check-site-status' );
		if ( ! current_user_can( 'view_site_health_checks' ) ) {
			wp_send_json_error( null, 403 );
		}
		wp_send_json_success( $this->check( 'callback' ) );
	}

	/**
	 * @return array<string, mixed>
	 */
	public function check( string $name ): array {
		if ( 'tls' === $name && '' === $this->config->get( 'INGRESS_URL' ) ) {
			return self::result( $name, Checks::GOOD, self::labels()[ $name ], __( 'This site is not connected yet.', 'pressferry' ) );
		}
		$found = $this->checks->one( $name );
		return self::result( $name, $found['status'], self::labels()[ $name ], $found['text'] );
	}

	/**
	 * @return array<string, string>
	 */
	private static function labels(): array {
		return array(
			'tls'      => __( 'Pressferry and encryption', 'pressferry' ),
			'clock'    => __( 'Pressferry and this server\'s clock', 'pressferry' ),
			'cron'     => __( 'Pressferry and WP-Cron', 'pressferry' ),
			'loopback' => __( 'Pressferry and sending after the visitor was answered', 'pressferry' ),
			'callback' => __( 'Pressferry and the way back of results', 'pressferry' ),
		);
	}

	/**
	 * @return array<string, mixed>
	 */
	public function configuration(): array {
		$blocked = $this->blocked_by();
		if ( '' === $blocked ) {
			return self::result( 'configuration', 'good', __( 'Pressferry is configured', 'pressferry' ), __( 'Events can be signed and sent.', 'pressferry' ) );
		}
		/* translators: %s: what is wrong. */
		$text = sprintf( __( 'Events are kept, but none is sent: %s.', 'pressferry' ), $blocked );
		return self::result( 'configuration', 'critical', __( 'Pressferry cannot send events', 'pressferry' ), $text );
	}

	/**
	 * @return array<string, mixed>
	 */
	public function writing(): array {
		$faults = $this->trouble->of_writing();
		if ( array() === $faults ) {
			return self::result( 'writing', 'good', __( 'Pressferry records events', 'pressferry' ), __( 'The outbox is there, and took every event.', 'pressferry' ) );
		}
		return self::result( 'writing', 'critical', __( 'Pressferry could not record events', 'pressferry' ), implode( ' ', $faults ) );
	}

	/**
	 * @return array<string, mixed>
	 */
	public function outbox(): array {
		$blocked = $this->blocked_by();
		if ( '' !== $blocked ) {
			/* translators: %s: the cause. */
			return self::result( 'outbox', 'recommended', __( 'Pressferry delivers nothing', 'pressferry' ), sprintf( __( 'Events are kept, but none is sent: %s.', 'pressferry' ), $blocked ) );
		}
		$faults = $this->trouble->of_sending();
		if ( array() === $faults ) {
			return self::result( 'outbox', 'good', __( 'Pressferry delivers events', 'pressferry' ), __( 'No event is late, given up or refused.', 'pressferry' ) );
		}
		return self::result( 'outbox', 'recommended', __( 'Pressferry events need attention', 'pressferry' ), implode( ' ', $faults ) );
	}

	private function blocked_by(): string {
		$blocked = $this->sender->blocked_by();
		$host    = $this->checks->one( 'url' );
		return '' === $blocked && Checks::BAD === $host['status'] ? rtrim( $host['text'], '.' ) : $blocked;
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
		foreach ( $this->checks->run( false ) as $name => $check ) {
			$fields[ 'check_' . $name ] = array(
				'label' => Checks::labels()[ $name ],
				'value' => $check['status'] . ': ' . $check['text'],
			);
		}
		$fields['version'] = array(
			'label' => __( 'Version', 'pressferry' ),
			'value' => PRESSFERRY_VERSION,
		);
		foreach ( $this->trouble->counts() as $status => $count ) {
			$fields[ 'events_' . $status ] = array(
				'label' => Remedies::status( $status ),
				'value' => $count,
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
			'test'        => 'pressferry_' . $test,
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
