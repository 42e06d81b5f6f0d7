<?php
/**
 * Gives what PHP wrote the kinds that the event type's schema has: PHP has one array for maps and lists, and "" or null for "none".
 *
 * Lossless except for one thing: a text longer than its bound is cut, because the backend would refuse the whole event.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Contract\Shapes;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Shape {

	/**
	 * The data of an event type of the backend's own; that of another type is left as it is.
	 *
	 * @param array<string, mixed> $data
	 * @return array<string, mixed> Maps below the top are objects.
	 */
	public static function fit( array $data, string $type ): array {
		$shape = Shapes::TYPES[ $type ] ?? null;
		return null === $shape ? $data : self::members( $data, $shape );
	}

	/**
	 * @param array<string, mixed> $map
	 * @param array<string, mixed> $shape members, and the names of those that are required.
	 * @return array<string, mixed>
	 */
	private static function members( array $map, array $shape ): array {
		foreach ( $map as $name => $value ) {
			$kind = $shape['members'][ $name ] ?? 'any';
			if ( self::is_none( $value, $kind ) && ! in_array( $name, $shape['required'] ?? array(), true ) ) {
				unset( $map[ $name ] );
			} else {
				$map[ $name ] = self::value( $value, $kind );
			}
		}
		return $map;
	}

	/**
	 * Whether the value is PHP's way of saying that there is none.
	 *
	 * @param mixed                       $value
	 * @param string|array<string, mixed> $kind
	 */
	private static function is_none( $value, $kind ): bool {
		$may_be_blank = is_string( $kind ) && ( 'any' === $kind || 0 === strpos( $kind, 'string' ) );
		return null === $value || ( '' === $value && ! $may_be_blank );
	}

	/**
	 * @param mixed                       $value
	 * @param string|array<string, mixed> $kind
	 * @return mixed
	 */
	private static function value( $value, $kind ) {
		if ( is_array( $kind ) ) {
			return self::nested( $value, $kind );
		}
		if ( 'object' === $kind ) {
			return is_array( $value ) ? (object) $value : $value;
		}
		if ( 'integer' === $kind || 'number' === $kind ) {
			return self::number( $value );
		}
		if ( 'strict' === $kind || 0 === strpos( $kind, 'string' ) ) {
			return self::text( $value, (int) substr( $kind, strlen( 'string:' ) ) );
		}
		return $value;
	}

	/**
	 * @param mixed                $value
	 * @param array<string, mixed> $kind
	 * @return mixed
	 */
	private static function nested( $value, array $kind ) {
		if ( ! is_array( $value ) ) {
			return $value;
		}
		if ( isset( $kind['members'] ) ) {
			return (object) self::members( $value, $kind );
		}
		return array_map(
			static function ( $item ) use ( $kind ) {
				return self::value( $item, $kind['items'] );
			},
			array_values( $value )
		);
	}

	/**
	 * @param mixed $value
	 * @return mixed
	 */
	private static function number( $value ) {
		if ( ! is_string( $value ) || ! is_numeric( $value ) ) {
			return $value;
		}
		$number = $value + 0;
		// An id beyond what a double holds is not changed into another id.
		return abs( $number ) < 9007199254740992 ? $number : $value;
	}

	/**
	 * @param mixed $value
	 * @return mixed
	 */
	private static function text( $value, int $max ) {
		if ( is_int( $value ) || is_float( $value ) ) {
			$value = (string) wp_json_encode( $value );
		}
		return is_string( $value ) && $max > 0 && mb_strlen( $value ) > $max ? mb_substr( $value, 0, $max ) : $value;
	}
}
