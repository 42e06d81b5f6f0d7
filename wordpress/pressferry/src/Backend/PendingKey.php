<?php
/**
 * The key of an attempt to enrol or to rotate whose answer may have been lost.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Secrets;
use Pressferry\State\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class PendingKey {

	const STATE = 'pending_key';

	/**
	 * The private key of this attempt as PEM: the same attempt with the same key is answered again. Null when this PHP makes none.
	 */
	public static function of( string $attempt ): ?string {
		$pending = State::map( self::STATE );
		$kept    = ( $pending['attempt'] ?? '' ) === $attempt ? Secrets::open( (string) ( $pending['key'] ?? '' ) ) : null;
		if ( null !== $kept && '' !== $kept ) {
			return $kept;
		}
		$pair = KeyPair::make();
		if ( null === $pair ) {
			return null;
		}
		State::put(
			self::STATE,
			array(
				'attempt' => $attempt,
				'key'     => Secrets::seal( $pair[0] ),
			)
		);
		return $pair[0];
	}
}
