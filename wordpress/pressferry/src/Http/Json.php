<?php
/**
 * JSON as it arrives: a proxy or a cache may have put a byte order mark or a comment around it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Json {

	/**
	 * The JSON object with which a text begins, whatever follows; null if it begins with none.
	 *
	 * @return array<string, mixed>|null
	 */
	public static function first_map( string $text ): ?array {
		$text = ltrim( 0 === strpos( $text, "\xEF\xBB\xBF" ) ? substr( $text, 3 ) : $text );
		if ( '{' !== ( $text[0] ?? '' ) ) {
			return null;
		}
		$map = json_decode( $text, true );
		$map = null === $map ? json_decode( substr( $text, 0, self::end_of_first( $text ) ), true ) : $map;
		return is_array( $map ) ? $map : null;
	}

	/**
	 * Where the object ends with which a text begins.
	 */
	private static function end_of_first( string $text ): int {
		$depth   = 0;
		$at      = 0;
		$in_text = false;
		$length  = strlen( $text );
		while ( $at < $length ) {
			$at  += strcspn( $text, $in_text ? '"\\' : '"{}', $at );
			$char = $text[ $at ] ?? '';
			if ( '\\' === $char ) {
				++$at;
			} elseif ( '"' === $char ) {
				$in_text = ! $in_text;
			} elseif ( '' !== $char ) {
				$depth += '{' === $char ? 1 : -1;
				if ( 0 === $depth ) {
					return $at + 1;
				}
			}
			++$at;
		}
		return $length;
	}
}
