<?php
/**
 * `order.paid`: once for each WooCommerce order, when it has been paid.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events\Shop;

use Pressferry\Events\Event;
use Pressferry\Events\Recorder;
use Pressferry\Events\Source;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class OrderPaid implements Source {

	const TYPE = 'order.paid';

	// No one of them reports every payment, and most payments fire several: the order's own date of payment decides.
	const HOOKS = array( 'woocommerce_payment_complete', 'woocommerce_order_status_changed', 'woocommerce_new_order' );

	// An order that was paid before is not reported because someone works on it now.
	const RECENT_S = 7 * DAY_IN_SECONDS;

	public function register( Recorder $recorder ): void {
		foreach ( self::HOOKS as $hook ) {
			add_action(
				$hook,
				static function ( $order_id ) use ( $recorder ): void {
					$recorder->capture(
						'order.paid:' . (int) $order_id,
						static function () use ( $order_id ): ?Event {
							return self::event( wc_get_order( (int) $order_id ) );
						}
					);
				},
				Recorder::FIRST
			);
		}
	}

	/**
	 * @param mixed $order What wc_get_order found.
	 */
	private static function event( $order ): ?Event {
		if ( ! is_object( $order ) || 'shop_order' !== $order->get_type() || null === $order->get_date_paid() ) {
			return null;
		}
		if ( $order->get_date_paid()->getTimestamp() < time() - self::RECENT_S ) {
			return null;
		}
		$id = (int) $order->get_id();
		return new Event(
			array(
				'type'       => self::TYPE,
				'object_ref' => (string) $id,
				'data'       => array(
					'order_id'       => $id,
					'number'         => (string) $order->get_order_number(),
					'status'         => (string) $order->get_status(),
					'currency'       => (string) $order->get_currency(),
					'total'          => Order::money( $order->get_total() ),
					'payment_method' => (string) $order->get_payment_method(),
					'paid_at'        => Order::time( $order->get_date_paid() ),
					'customer'       => Order::customer( $order ),
					'items'          => Order::items( $order ),
				),
				'dedupe_key' => implode( ':', array( self::TYPE, get_current_blog_id(), $id ) ),
			)
		);
	}
}
