<?php
/**
 * The sources that come with the plugin, and which of them are switched off.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Config;
use Pressferry\Events\Forms\ContactForm7;
use Pressferry\Events\Forms\ElementorForms;
use Pressferry\Events\Forms\GravityForms;
use Pressferry\Events\Forms\NinjaForms;
use Pressferry\Events\Forms\WpForms;
use Pressferry\Events\Shop\OrderPaid;
use Pressferry\Events\Shop\OrderRefunded;
use Pressferry\Outbox\Schema;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Sources {

	// Each change of a post may start an automation that costs money, and a site that is upgraded must not begin to report what its owner never chose.
	const OFF_BY_DEFAULT = array( 'updates' );

	/** @var Config */
	private $config;

	public function __construct( Config $config ) {
		$this->config = $config;
	}

	/**
	 * By id, what people call each one.
	 *
	 * @return array<string, string>
	 */
	public static function labels(): array {
		return array(
			'posts'        => __( 'Posts that become public', 'pressferry' ),
			'updates'      => __( 'Changes of public posts, at most once a minute for each (each may start an automation that costs money)', 'pressferry' ),
			'comments'     => __( 'Comments and reviews', 'pressferry' ),
			'users'        => __( 'New accounts', 'pressferry' ),
			'erasures'     => __( 'Confirmed requests to erase personal data', 'pressferry' ),
			'cf7'          => __( 'Contact Form 7', 'pressferry' ),
			'wpforms'      => __( 'WPForms', 'pressferry' ),
			'gravityforms' => __( 'Gravity Forms', 'pressferry' ),
			'ninjaforms'   => __( 'Ninja Forms', 'pressferry' ),
			'elementor'    => __( 'Forms of Elementor Pro', 'pressferry' ),
			'orders'       => __( 'WooCommerce: paid orders', 'pressferry' ),
			'refunds'      => __( 'WooCommerce: refunds', 'pressferry' ),
		);
	}

	public function register( Recorder $recorder ): void {
		$off = $this->off();
		foreach ( $this->all() as $id => $source ) {
			if ( is_multisite() ) {
				// A request of one site may do things on another, which has its own sources.
				$source->register( $recorder->asking( $this->is_on( $id ) ) );
			} elseif ( ! in_array( $id, $off, true ) ) {
				$source->register( $recorder );
			}
		}
		// Orders are read through WooCommerce's own objects: where it stores them is its own affair.
		add_action(
			'before_woocommerce_init',
			static function (): void {
				if ( class_exists( '\Automattic\WooCommerce\Utilities\FeaturesUtil' ) ) {
					\Automattic\WooCommerce\Utilities\FeaturesUtil::declare_compatibility( 'custom_order_tables', PRESSFERRY_PLUGIN_FILE, true );
				}
			}
		);
	}

	/**
	 * @return callable(): bool
	 */
	private function is_on( string $id ): callable {
		return function () use ( $id ): bool {
			return ! in_array( $id, $this->off(), true );
		};
	}

	/**
	 * The ids of those that are off: by PRESSFERRY_SOURCES_OFF (environment or constant, separated by commas), else on the screen; or by
	 * default, unless PRESSFERRY_SOURCES_ON, else the screen, switches them on.
	 *
	 * @return string[]
	 */
	public function off(): array {
		$off = $this->named( 'SOURCES_OFF' ) ?? Schema::sources_off();
		$on  = $this->named( 'SOURCES_ON' ) ?? Schema::sources_on();
		return array_values( array_unique( array_merge( $off, array_diff( self::OFF_BY_DEFAULT, $on ) ) ) );
	}

	/**
	 * Whether environment or constants decide about a source, so no screen can.
	 */
	public function is_locked( string $id ): bool {
		$off = $this->named( 'SOURCES_OFF' );
		if ( in_array( $id, self::OFF_BY_DEFAULT, true ) ) {
			return null !== $this->named( 'SOURCES_ON' ) || in_array( $id, $off ?? array(), true );
		}
		return null !== $off;
	}

	/**
	 * Stores what the screen says; what is locked stays as it is.
	 *
	 * @param string[] $ids Of the sources that are on.
	 */
	public function choose( array $ids ): void {
		$usual = array_diff( array_keys( self::labels() ), self::OFF_BY_DEFAULT );
		Schema::switch_off(
			null === $this->named( 'SOURCES_OFF' ) ? array_diff( $usual, $ids ) : Schema::sources_off(),
			null === $this->named( 'SOURCES_ON' ) ? array_intersect( self::OFF_BY_DEFAULT, $ids ) : Schema::sources_on()
		);
	}

	/**
	 * @return string[]|null Null if neither the environment nor a constant says anything.
	 */
	private function named( string $setting ): ?array {
		$named = $this->config->locked( $setting );
		return '' === $named ? null : array_map( 'trim', explode( ',', $named ) );
	}

	/**
	 * @return array<string, Source>
	 */
	private function all(): array {
		return array(
			'posts'        => new PostPublished(),
			'updates'      => new PostUpdated(),
			'comments'     => new CommentCreated(),
			'users'        => new UserRegistered(),
			'erasures'     => new ErasureRequested( $this->config ),
			'cf7'          => new ContactForm7(),
			'wpforms'      => new WpForms(),
			'gravityforms' => new GravityForms(),
			'ninjaforms'   => new NinjaForms(),
			'elementor'    => new ElementorForms(),
			'orders'       => new OrderPaid(),
			'refunds'      => new OrderRefunded(),
		);
	}
}
