<?php
/**
 * `order.refunded`: once for each refund of a WooCommerce order, in full or in part.
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

final class OrderRefunded implements Source {

	const TYPE = 'order.refunded';

	public function register( Recorder $recorder ): void {
		add_action(
			'woocommerce_order_refunded',
			static function ( $order_id, $refund_id ) use ( $recorder ): void {
				$recorder->capture(
					'order.refunded:' . (int) $refund_id,
					static function () use ( $order_id, $refund_id ): ?Event {
						return self::event( wc_get_order( (int) $order_id ), wc_get_order( (int) $refund_id ) );
					}
				);
			},
			Recorder::FIRST,
			2
		);
	}

	/**
	 * @param mixed $order  What wc_get_order found.
	 * @param mixed $refund What wc_get_order found.
	 */
	private static function event( $order, $refund ): ?Event {
		if ( ! is_object( $order ) || ! is_object( $refund ) || 'shop_order' !== $order->get_type() ) {
			return null;
		}
		$id = (int) $refund->get_id();
		return new Event(
			array(
				'type'       => self::TYPE,
				'object_ref' => (string) $order->get_id(),
				'data'       => array(
					'order_id'    => (int) $order->get_id(),
					'refund_id'   => $id,
					'currency'    => (string) $order->get_currency(),
					'amount'      => Order::money( $refund->get_amount() ),
					'reason'      => (string) $refund->get_reason(),
					'refunded_at' => Order::time( $refund->get_date_created() ),
					'full'        => (float) $order->get_remaining_refund_amount() <= 0.0,
					'customer'    => Order::customer( $order ),
					'items'       => Order::items( $refund ),
				),
				'dedupe_key' => implode( ':', array( self::TYPE, get_current_blog_id(), $id ) ),
			)
		);
	}
}
