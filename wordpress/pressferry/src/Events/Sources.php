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
	 * The ids of those that are switched off: by PRESSFERRY_SOURCES_OFF (environment or constant, separated by commas), else on the screen.
	 *
	 * @return string[]
	 */
	public function off(): array {
		$named = $this->config->locked( 'SOURCES_OFF' );
		return '' === $named ? Schema::sources_off() : array_map( 'trim', explode( ',', $named ) );
	}

	/**
	 * @return array<string, Source>
	 */
	private function all(): array {
		return array(
			'posts'        => new PostPublished(),
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
