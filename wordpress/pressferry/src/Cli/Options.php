<?php
/**
 * What is typed behind a command, read with care: a number that is none must not become 0, which deletes everything.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Cli;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Options {

	const FORMATS = array( 'table', 'json' );

	/**
	 * A whole number; an error if it is none, or smaller than $least.
	 *
	 * @param array<string, mixed> $options
	 */
	public static function number( array $options, string $name, int $unless_given, int $least ): int {
		if ( ! array_key_exists( $name, $options ) ) {
			return $unless_given;
		}
		$given = $options[ $name ];
		if ( ! is_scalar( $given ) || true === $given || 1 !== preg_match( '/^\d{1,9}\z/', (string) $given ) || (int) $given < $least ) {
			\WP_CLI::error( sprintf( '--%s is a whole number from %d on.', $name, $least ) );
		}
		return (int) $given;
	}

	/**
	 * Whether JSON is asked for; an error if the format is none of the command's.
	 *
	 * @param array<string, mixed> $options
	 */
	public static function is_json( array $options ): bool {
		return 'json' === self::format( $options );
	}

	/**
	 * @param array<string, mixed> $options
	 * @param string[]             $formats The first one is that of a command without the option.
	 */
	public static function format( array $options, array $formats = self::FORMATS ): string {
		$format = $options['format'] ?? $formats[0];
		if ( ! in_array( $format, $formats, true ) ) {
			\WP_CLI::error( sprintf( '--format is one of %s.', implode( ', ', $formats ) ) );
		}
		return (string) $format;
	}

	/**
	 * The ids of events; an error if one is none.
	 *
	 * @param string[] $args
	 * @return int[]
	 */
	public static function ids( array $args ): array {
		foreach ( $args as $id ) {
			if ( 1 !== preg_match( '/^[1-9]\d{0,17}\z/', (string) $id ) ) {
				\WP_CLI::error( sprintf( 'Not an event\'s id: %s. `wp pressferry outbox list` shows them.', $id ) );
			}
		}
		return array_map( 'intval', $args );
	}

	/**
	 * @param array<string, mixed> $map
	 */
	public static function print_json( array $map ): void {
		\WP_CLI::line( (string) wp_json_encode( $map ) );
	}
}
