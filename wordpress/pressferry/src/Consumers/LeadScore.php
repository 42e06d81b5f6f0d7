<?php
/**
 * A lead's score as a private note: at WooCommerce's order, or at the entry of Gravity Forms.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Consumers;

use Pressferry\Languages;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class LeadScore {

	/**
	 * @param array<string, mixed> $result As `pressferry_result` gives it.
	 */
	public static function take( array $result ): void {
		$score = Consumers::text( $result, 'score' );
		if ( '' === $score ) {
			return;
		}
		$reason = Consumers::text( $result, 'reason' );
		// A push is neither the dashboard's request nor WP-Cron's, for which the plugin's texts are there.
		is_textdomain_loaded( 'pressferry' ) || Languages::load( get_locale() );
		/* translators: %s: a score. */
		$note = sprintf( __( 'Lead score: %s', 'pressferry' ), mb_substr( $score, 0, 200 ) ) . ( '' === $reason ? '' : "\n" . mb_substr( $reason, 0, 2000 ) );
		if ( 0 === strpos( $result['event_type'], 'order.' ) && function_exists( 'wc_get_order' ) ) {
			$order = wc_get_order( (int) $result['object_ref'] );
			if ( is_object( $order ) && method_exists( $order, 'add_order_note' ) ) {
				$order->add_order_note( $note );
			}
			return;
		}
		if ( 'form.submitted' === $result['event_type'] && is_callable( array( 'GFAPI', 'add_note' ) ) && 1 === preg_match( '/^gravityforms:[^:]*:(\d+)$/', $result['object_ref'], $entry ) ) {
			\GFAPI::add_note( (int) $entry[1], 0, 'Pressferry', $note );
		}
	}
}
