<?php
/**
 * What holds for every site of a network, and where it comes from: environment, then constant, then the network's screen.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class NetworkSettings {

	/**
	 * @return array{0: string, 1: string} The value; environment, constant, network, or an empty string.
	 */
	public static function find( string $name ): array {
		$constant = 'PRESSFERRY_' . $name;
		$places   = array(
			'environment' => getenv( $constant ),
			'constant'    => defined( $constant ) ? constant( $constant ) : '',
			'network'     => get_site_option( self::option( $name ), '' ),
		);
		foreach ( $places as $source => $value ) {
			if ( is_string( $value ) && '' !== $value ) {
				return array( $value, $source );
			}
		}
		return array( '', '' );
	}

	/**
	 * Stores a value for all sites; an empty one leaves it to each of them again.
	 */
	public static function store( string $name, string $value ): void {
		'' === $value ? delete_site_option( self::option( $name ) ) : update_site_option( self::option( $name ), $value );
	}

	public static function option( string $name ): string {
		return 'pressferry_' . strtolower( $name );
	}
}
