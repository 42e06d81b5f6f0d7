<?php
namespace Pressferry\Tests;

require_once __DIR__ . '/support/FakeShop.php';

final class ShopTest extends ScenarioCase {
	protected function setUp(): void {
		parent::setUp();
		FakeShop::$orders   = array();
		FakeShop::$decimals = 2;
	}

	private function events( string $type ): array {
		$this->end_request();
		return array_map( static function ( $row ) {
			return json_decode( $row['payload'], true );
		}, $this->rows( "event_type = '$type'" ) );
	}

	public function test_an_order_paid_by_card_is_one_event_though_four_hooks_tell_of_it(): void {
		FakeShop::order( 1042 );
		FakeShop::card( 1042 );
		$paid = $this->events( 'order.paid' );
		$this->assertCount( 1, $paid );
		$this->assertSame( array( 1042, 'processing', 'EUR', '59.90', 'bacs' ), array( $paid[0]['order_id'], $paid[0]['status'], $paid[0]['currency'], $paid[0]['total'], $paid[0]['payment_method'] ) );
		$this->assertSame( array( 'id' => 0, 'first_name' => 'Ada', 'last_name' => 'Lovelace', 'company' => '', 'phone' => '' ), $paid[0]['customer'], 'an e-mail that nobody gave is left out' );
		$this->assertSame( array( array( 'product_id' => 0, 'sku' => '', 'name' => 'Ticket', 'quantity' => 2, 'total' => '59.90' ) ), $paid[0]['items'] );
		$this->assertMatchesRegularExpression( '/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/', $paid[0]['paid_at'] );
	}

	public function test_a_gateway_and_a_return_page_that_both_complete_an_order_make_one_event(): void {
		FakeShop::order( 1 );
		FakeShop::card( 1, 2 );
		$this->assertCount( 1, $this->events( 'order.paid' ) );
		// And in two requests.
		do_action( 'woocommerce_payment_complete', 1, 'txn' );
		$this->assertCount( 1, $this->events( 'order.paid' ) );
	}

	public function test_a_transfer_that_is_found_on_the_account_is_told_by_the_status_alone(): void {
		FakeShop::order( 2, array( 'status' => 'on-hold' ) );
		do_action( 'woocommerce_new_order', 2, FakeShop::$orders[2] );
		$this->assertCount( 0, $this->events( 'order.paid' ) );
		FakeShop::pay( 2 );
		FakeShop::status( 2, 'processing' );
		$this->assertCount( 1, $this->events( 'order.paid' ) );
	}

	public function test_cash_on_delivery_is_not_paid_when_it_is_processed(): void {
		FakeShop::order( 3 );
		FakeShop::status( 3, 'processing' );
		$this->assertCount( 0, $this->events( 'order.paid' ) );
		FakeShop::pay( 3 );
		FakeShop::status( 3, 'completed' );
		$this->assertCount( 1, $this->events( 'order.paid' ) );
	}

	public function test_an_order_that_goes_back_and_forth_and_an_old_one_are_not_paid_again(): void {
		FakeShop::order( 4 );
		FakeShop::card( 4 );
		FakeShop::status( 4, 'on-hold' );
		FakeShop::status( 4, 'processing' );
		$this->assertCount( 1, $this->events( 'order.paid' ) );
		FakeShop::order( 5, array( 'status' => 'processing' ) );
		FakeShop::pay( 5, 30 * 86400 );
		FakeShop::status( 5, 'completed' );
		$this->assertCount( 1, $this->events( 'order.paid' ), 'paid before the plugin was there' );
	}

	public function test_subscriptions_and_orders_that_are_gone_are_no_orders(): void {
		FakeShop::order( 6, array( 'type' => 'shop_subscription' ) );
		FakeShop::card( 6 );
		do_action( 'woocommerce_payment_complete', 99, 'txn' );
		$this->assertCount( 0, $this->events( 'order.paid' ) );
	}

	public function test_amounts_have_the_shops_decimals(): void {
		FakeShop::$decimals = 0;
		FakeShop::order( 7, array( 'total' => '1200', 'currency' => 'JPY' ) );
		FakeShop::card( 7 );
		$this->assertSame( '1200', $this->events( 'order.paid' )[0]['total'] );
	}

	public function test_each_refund_is_one_event_and_says_whether_anything_is_left(): void {
		FakeShop::order( 8 );
		FakeShop::card( 8 );
		FakeShop::refund( 8, 90, '10', '49.90' );
		$this->end_request();
		FakeShop::refund( 8, 91, '49.9', '0' );
		do_action( 'woocommerce_order_refunded', 8, 91 );
		$refunds = $this->events( 'order.refunded' );
		$this->assertCount( 2, $refunds );
		$this->assertSame( array( array( '10.00', false ), array( '49.90', true ) ), array( array( $refunds[0]['amount'], $refunds[0]['full'] ), array( $refunds[1]['amount'], $refunds[1]['full'] ) ) );
		$this->assertSame( array( 8, 90 ), array( $refunds[0]['order_id'], $refunds[0]['refund_id'] ) );
	}

	public function test_orders_are_read_through_woocommerce_itself_and_both_storages_of_orders_are_declared(): void {
		if ( ! class_exists( '\Automattic\WooCommerce\Utilities\FeaturesUtil' ) ) {
			require_once __DIR__ . '/support/FakeFeatures.php';
		}
		do_action( 'before_woocommerce_init' );
		$this->assertSame( array( array( 'custom_order_tables', PRESSFERRY_PLUGIN_FILE, true ) ), \Automattic\WooCommerce\Utilities\FeaturesUtil::$declared );
		foreach ( array( 'Order', 'OrderPaid', 'OrderRefunded' ) as $class ) {
			$source = (string) file_get_contents( dirname( __DIR__ ) . "/src/Events/Shop/$class.php" );
			$this->assertSame( 0, preg_match( '/get_post_meta|get_post\(|wpdb|WP_Query/', $source ), $class );
		}
	}

	public function test_every_order_and_number_of_hooks_gives_one_event(): void {
		$hooks = array( 'woocommerce_new_order', 'woocommerce_order_status_changed', 'woocommerce_payment_complete' );
		$id    = 100;
		foreach ( $hooks as $first ) {
			foreach ( $hooks as $second ) {
				foreach ( array( 'one request', 'two requests' ) as $requests ) {
					FakeShop::order( ++$id );
					FakeShop::pay( $id );
					do_action( $first, $id, FakeShop::$orders[ $id ], 'processing', FakeShop::$orders[ $id ] );
					'two requests' === $requests && $this->end_request();
					do_action( $second, $id, FakeShop::$orders[ $id ], 'completed', FakeShop::$orders[ $id ] );
					$this->end_request();
					$this->assertCount( 1, $this->rows( "object_ref = '$id'" ), "$first, $second, $requests" );
				}
			}
		}
	}
}
