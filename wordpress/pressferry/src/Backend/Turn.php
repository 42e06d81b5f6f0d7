<?php
/**
 * Of two processes that change who this site is one does, and the other is told so: else the site would have the id of one and the key of the other.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Clock;
use Pressferry\State\DispatchLock;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Turn {

	/**
	 * @param callable(): array{ok: bool, code: string, detail: string} $work
	 * @return array{ok: bool, code: string, detail: string}
	 */
	public static function alone( Clock $clock, callable $work ): array {
		$turn = new DispatchLock( $clock, 'identity' );
		if ( ! $turn->acquire() ) {
			return array(
				'ok'     => false,
				'code'   => 'being_connected',
				'detail' => '',
			);
		}
		try {
			return $work();
		} finally {
			$turn->release();
		}
	}
}
