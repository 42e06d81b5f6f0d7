<?php
/**
 * WooCommerce as far as our sources see it: its functions and objects, and the sequences of hooks as they were recorded from 10.9.1.
 */
namespace {
	if ( ! function_exists( 'wc_get_order' ) ) {
		function wc_get_order( $id ) {
			return Pressferry\Tests\FakeShop::$orders[ (int) $id ] ?? false;
		}
		function wc_get_price_decimals() {
			return Pressferry\Tests\FakeShop::$decimals;
		}
	}
}

namespace Pressferry\Tests {

	/**
	 * An order or a refund; every getter answers from `is`.
	 */
	final class FakeOrder {
		/** @var array<string, mixed> */
		public $is;

		public function __construct( array $is ) {
			$this->is = $is;
		}

		public function __call( string $getter, array $arguments ) {
			return $this->is[ substr( $getter, strlen( 'get_' ) ) ] ?? null;
		}
	}

	final class FakeShop {
		/** @var array<int, FakeOrder> */
		public static $orders = array();

		/** @var int */
		public static $decimals = 2;

		public static function order( int $id, array $is = array() ): FakeOrder {
			$item                = new FakeOrder( array( 'product' => false, 'product_id' => 0, 'name' => 'Ticket', 'quantity' => 2, 'total' => '59.9' ) );
			self::$orders[ $id ] = new FakeOrder( $is + array( 'id' => $id, 'type' => 'shop_order', 'order_number' => (string) $id, 'status' => 'pending', 'currency' => 'EUR', 'total' => '59.9', 'payment_method' => 'bacs', 'customer_id' => 0, 'billing_email' => '', 'billing_first_name' => 'Ada', 'billing_last_name' => 'Lovelace', 'billing_company' => '', 'billing_phone' => '', 'items' => array( $item ), 'date_paid' => null, 'remaining_refund_amount' => '59.90' ) );
			return self::$orders[ $id ];
		}

		public static function status( int $id, string $to ): void {
			$order              = self::$orders[ $id ];
			$from               = $order->is['status'];
			$order->is['status'] = $to;
			do_action( 'woocommerce_order_status_changed', $id, $from, $to, $order );
		}

		public static function pay( int $id, int $ago_s = 0 ): void {
			self::$orders[ $id ]->is['date_paid'] = ( new \DateTime() )->setTimestamp( time() - $ago_s );
		}

		/**
		 * A card: the date, the status, then the completion of the payment; twice if the gateway's call and the visitor's return race.
		 */
		public static function card( int $id, int $times = 1 ): void {
			do_action( 'woocommerce_new_order', $id, self::$orders[ $id ] );
			for ( $i = 0; $i < $times; $i++ ) {
				self::pay( $id );
				self::status( $id, 'processing' );
				do_action( 'woocommerce_payment_complete', $id, 'txn' );
			}
		}

		public static function refund( int $order_id, int $refund_id, string $amount, string $left ): void {
			self::$orders[ $order_id ]->is['remaining_refund_amount'] = $left;
			self::$orders[ $refund_id ] = new FakeOrder( array( 'id' => $refund_id, 'type' => 'shop_order_refund', 'amount' => $amount, 'reason' => '', 'date_created' => new \DateTime(), 'items' => array() ) );
			do_action( 'woocommerce_order_refunded', $order_id, $refund_id );
		}
	}
}
