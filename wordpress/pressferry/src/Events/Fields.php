<?php
/**
 * Which members of an event's data leave the site: all of them, unless someone has chosen for the type. What the schema requires always leaves.
 *
 * A member is named by its path: `excerpt`, `customer.email`, `items.sku` of each item, `fields.phone` of what was entered.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Contract\Shapes;
use Pressferry\Outbox\Schema;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Fields {

	const REQUIRED = 'required';
	const OPTIONAL = 'optional';

	// A map whose names the site's forms or filters decide: some of them can be chosen.
	const MAP          = 'map';
	const REQUIRED_MAP = 'required_map';

	/**
	 * The data without the members that someone keeps here.
	 *
	 * @param array<string, mixed> $data
	 * @return array<string, mixed>
	 */
	public static function allowed( array $data, string $type ): array {
		$chosen = Schema::fields()[ $type ] ?? null;
		$shape  = Shapes::TYPES[ $type ] ?? null;
		return null === $chosen || null === $shape ? $data : self::members( $data, $shape, '', $chosen );
	}

	/**
	 * What can be chosen for an event type.
	 *
	 * @return array<string, string> By path: REQUIRED, OPTIONAL, MAP or REQUIRED_MAP.
	 */
	public static function choices( string $type ): array {
		$choices = self::paths( Shapes::TYPES[ $type ] ?? array(), '' );
		// It says of `content` what the plugin did to it.
		unset( $choices['truncated'] );
		return $choices;
	}

	/**
	 * Stores what may leave. All of a type's members: no choice, so those of later versions leave too.
	 *
	 * @param array<string, string[]> $wanted By event type, paths.
	 */
	public static function choose( array $wanted ): void {
		$fields = array();
		foreach ( $wanted as $type => $paths ) {
			$choices = self::choices( $type );
			$known   = array_filter(
				array_unique( $paths ),
				static function ( string $path ) use ( $choices ): bool {
					$map = substr( $path, 0, (int) strpos( $path, '.' ) );
					return isset( $choices[ $path ] ) || in_array( $choices[ $map ] ?? '', array( self::MAP, self::REQUIRED_MAP ), true );
				}
			);
			$free    = array_keys( array_diff( $choices, array( self::REQUIRED, self::REQUIRED_MAP ) ) );
			if ( array() !== $choices && ( array() !== array_diff( $free, $known ) || array() !== array_diff( $known, array_keys( $choices ) ) ) ) {
				$fields[ $type ] = array_values( $known );
			}
		}
		Schema::allow( $fields );
	}

	/**
	 * @param array<string, mixed> $map
	 * @param array<string, mixed> $shape
	 * @param string[]             $chosen
	 * @return array<string, mixed>
	 */
	private static function members( array $map, array $shape, string $prefix, array $chosen ): array {
		foreach ( $map as $name => $value ) {
			$path   = $prefix . $name;
			$kind   = $shape['members'][ $name ] ?? 'any';
			$inside = self::below( $chosen, $path . '.' );
			$leaves = in_array( $name, $shape['required'] ?? array(), true ) || in_array( $path, $chosen, true ) || array() !== $inside;
			if ( ! $leaves ) {
				unset( $map[ $name ] );
			} elseif ( 'object' === $kind && array() !== $inside ) {
				$map[ $name ] = (object) array_intersect_key( (array) $value, array_flip( $inside ) );
			} elseif ( is_array( $kind ) && is_array( $value ) ) {
				$map[ $name ] = self::nested( $value, $kind, $path . '.', $chosen );
			}
		}
		return $map;
	}

	/**
	 * @param array<int|string, mixed> $value
	 * @param array<string, mixed>     $kind
	 * @param string[]                 $chosen
	 * @return array<int|string, mixed>
	 */
	private static function nested( array $value, array $kind, string $prefix, array $chosen ): array {
		if ( isset( $kind['members'] ) ) {
			return self::members( $value, $kind, $prefix, $chosen );
		}
		return ! isset( $kind['items']['members'] ) ? $value : array_map(
			static function ( $item ) use ( $kind, $prefix, $chosen ) {
				return is_array( $item ) ? self::members( $item, $kind['items'], $prefix, $chosen ) : $item;
			},
			$value
		);
	}

	/**
	 * @param array<string, mixed> $shape
	 * @return array<string, string>
	 */
	private static function paths( array $shape, string $prefix ): array {
		$paths = array();
		foreach ( $shape['members'] ?? array() as $name => $kind ) {
			$inner = is_array( $kind ) ? $kind['items'] ?? $kind : $kind;
			if ( is_array( $inner ) && isset( $inner['members'] ) ) {
				// What it requires leaves with the first other member of it that does.
				$paths += self::paths( array( 'required' => array() ) + $inner, $prefix . $name . '.' );
				continue;
			}
			$required = in_array( $name, $shape['required'] ?? array(), true );
			if ( 'object' === $kind ) {
				$paths[ $prefix . $name ] = $required ? self::REQUIRED_MAP : self::MAP;
			} else {
				$paths[ $prefix . $name ] = $required ? self::REQUIRED : self::OPTIONAL;
			}
		}
		return $paths;
	}

	/**
	 * @param string[] $chosen
	 * @return string[] What follows the prefix.
	 */
	private static function below( array $chosen, string $prefix ): array {
		$names = array();
		foreach ( $chosen as $path ) {
			if ( 0 === strpos( $path, $prefix ) ) {
				$names[] = substr( $path, strlen( $prefix ) );
			}
		}
		return $names;
	}
}
