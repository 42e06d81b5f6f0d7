<?php
/**
 * `user.registered`: once for each account, as it is when the request that made it ends.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

use Pressferry\Clock;
use WP_User;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class UserRegistered implements Source {

	const TYPE = 'user.registered';

	public function register( Recorder $recorder ): void {
		add_action(
			'user_register',
			static function ( $user_id ) use ( $recorder ): void {
				if ( defined( 'WP_IMPORTING' ) && WP_IMPORTING ) {
					return;
				}
				$recorder->capture(
					'user:' . (int) $user_id,
					static function () use ( $user_id ): ?Event {
						$user = get_userdata( (int) $user_id );
						return $user instanceof WP_User ? self::event( $user ) : null;
					}
				);
			},
			Recorder::FIRST
		);
	}

	public static function event( WP_User $user ): Event {
		$registered = strtotime( $user->user_registered . ' UTC' );
		return new Event(
			array(
				'type'       => self::TYPE,
				'object_ref' => (string) $user->ID,
				'data'       => array(
					'user_id'       => $user->ID,
					'login'         => $user->user_login,
					'email'         => $user->user_email,
					'display_name'  => $user->display_name,
					'role'          => (string) ( array_values( $user->roles )[0] ?? '' ),
					'registered_at' => Clock::rfc3339( ( $registered > 0 ? $registered : time() ) * 1000 ),
				),
				'dedupe_key' => implode( ':', array( self::TYPE, get_current_blog_id(), $user->ID ) ),
			)
		);
	}
}
