<?php
/**
 * Where WooCommerce is told what a plugin is compatible with.
 */

namespace Automattic\WooCommerce\Utilities;

final class FeaturesUtil {
	/** @var array<int, array{0: string, 1: string, 2: bool}> */
	public static $declared = array();

	public static function declare_compatibility( string $feature, string $plugin, bool $is_compatible ): void {
		self::$declared[] = array( $feature, $plugin, $is_compatible );
	}
}
