<?php
/**
 * A WooCommerce order as the order events carry it. Through its own objects only, so both storages of orders do.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events\Shop;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Order {

	/**
	 * Who ordered.
	 *
	 * @param object $order A WC_Order.
	 * @return array<string, mixed>
	 */
	public static function customer( $order ): array {
		return array(
			'id'         => (int) $order->get_customer_id(),
			'email'      => (string) $order->get_billing_email(),
			'first_name' => (string) $order->get_billing_first_name(),
			'last_name'  => (string) $order->get_billing_last_name(),
			'company'    => (string) $order->get_billing_company(),
			'phone'      => (string) $order->get_billing_phone(),
		);
	}

	/**
	 * The lines of an order or of a refund.
	 *
	 * @param object $order A WC_Abstract_Order.
	 * @return array<int, array<string, mixed>>
	 */
	public static function items( $order ): array {
		$items = array();
		foreach ( $order->get_items() as $item ) {
			$product = $item->get_product();
			$items[] = array(
				'product_id' => (int) $item->get_product_id(),
				'sku'        => is_object( $product ) ? (string) $product->get_sku() : '',
				'name'       => (string) $item->get_name(),
				'quantity'   => $item->get_quantity(),
				'total'      => self::money( $item->get_total() ),
			);
		}
		return $items;
	}

	/**
	 * An amount with the shop's decimals and a point, whatever the shop shows.
	 *
	 * @param int|float|string $amount
	 */
	public static function money( $amount ): string {
		return number_format( (float) $amount, wc_get_price_decimals(), '.', '' );
	}

	/**
	 * @param object|null $date A WC_DateTime.
	 */
	public static function time( $date ): string {
		return is_object( $date ) ? gmdate( 'Y-m-d\TH:i:s\Z', $date->getTimestamp() ) : '';
	}
}
