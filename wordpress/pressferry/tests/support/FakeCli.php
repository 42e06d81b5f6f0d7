<?php
/**
 * WP-CLI as far as our commands see it: what they print is kept, and an error or a halt ends them.
 */
namespace {
	if ( ! class_exists( 'WP_CLI' ) ) {
		class WP_CLI {
			public static $lines     = array();
			public static $confirmed = array();

			public static function line( $text ) {
				self::$lines[] = (string) $text;
			}
			public static function success( $text ) {
				self::$lines[] = 'Success: ' . $text;
			}
			public static function warning( $text ) {
				self::$lines[] = 'Warning: ' . $text;
			}
			public static function error( $text ) {
				self::$lines[] = 'Error: ' . $text;
				self::halt( 1 );
			}
			public static function confirm( $question, $options ) {
				if ( empty( $options['yes'] ) ) {
					self::halt( 2 );
				}
				self::$confirmed[] = $question;
			}
			public static function halt( $code ) {
				throw new \RuntimeException( 'exit', (int) $code );
			}
		}
	}
}

namespace WP_CLI\Utils {
	if ( ! function_exists( 'WP_CLI\Utils\format_items' ) ) {
		function format_items( $format, $items, $columns ) {
			foreach ( $items as $item ) {
				\WP_CLI::line( (string) wp_json_encode( array_intersect_key( $item, array_flip( $columns ) ) ) );
			}
		}
	}
}
