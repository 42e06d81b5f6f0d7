<?php
/**
 * What a status and an answer's code mean for a person, and what to do about it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Remedies {

	/**
	 * One sentence or two for a code of the backend or the plugin; the code itself if there is nothing better to say.
	 */
	public static function of( string $code ): string {
		$texts = self::of_the_way() + self::of_the_backend() + self::of_the_event();
		if ( isset( $texts[ $code ] ) ) {
			return $texts[ $code ];
		}
		if ( 0 === strpos( $code, 'token_' ) ) {
			return __( 'The backend did not accept the token. Check the site id, the key id, the private key and the issuer.', 'pressferry' );
		}
		if ( 0 === strpos( $code, 'http_' ) ) {
			return __( 'Something between this site and the backend answered in its place: a proxy, a firewall, or another server under that URL.', 'pressferry' );
		}
		return $code;
	}

	/**
	 * A status in a word or two, where there is little room.
	 */
	public static function short_status( string $status ): string {
		$labels = array(
			'dead' => __( 'unreached', 'pressferry' ),
			'held' => __( 'held', 'pressferry' ),
		);
		return $labels[ $status ] ?? self::status( $status );
	}

	public static function status( string $status ): string {
		$labels = array(
			'pending' => __( 'waiting', 'pressferry' ),
			'sending' => __( 'being sent', 'pressferry' ),
			'sent'    => __( 'sent', 'pressferry' ),
			'refused' => __( 'refused for good', 'pressferry' ),
			'dead'    => __( 'tries used up, tried again now and then', 'pressferry' ),
			'held'    => __( 'not accepted from this site, tried again now and then', 'pressferry' ),
		);
		return $labels[ $status ] ?? $status;
	}

	/**
	 * @return array<string, string>
	 */
	private static function of_the_way(): array {
		return array(
			'network_error'     => __( 'The backend could not be reached. Check the URL, and whether this server may open connections to it.', 'pressferry' ),
			'timed_out'         => __( 'The backend did not answer in time.', 'pressferry' ),
			'url_not_allowed'   => __( 'WordPress may not call that host: its name cannot be looked up, it is a private address (PRESSFERRY_ALLOW_PRIVATE_HOSTS allows those), or wp-config.php stops requests (WP_HTTP_BLOCK_EXTERNAL) and WP_ACCESSIBLE_HOSTS does not name it.', 'pressferry' ),
			'redirected'        => __( 'The URL leads elsewhere, and redirects are not followed: enter the URL that it leads to.', 'pressferry' ),
			'challenged'        => __( 'A firewall in front of the backend asked for a proof of being human. Its operator must let this server pass.', 'pressferry' ),
			'unexpected_answer' => __( 'Something answered that is not the backend: a page, a cache, a maintenance screen. Check the URL.', 'pressferry' ),
			'lease_expired'     => __( 'The process that sent it ended four times before an answer came.', 'pressferry' ),
		);
	}

	/**
	 * @return array<string, string>
	 */
	private static function of_the_backend(): array {
		return array(
			'site_unknown'          => __( 'The backend knows no site with this id. Register it, or correct the site id.', 'pressferry' ),
			'site_disabled'         => __( 'The backend\'s operator disabled this site.', 'pressferry' ),
			'signature_mismatch'    => __( 'The secret is not the one that the backend has, or something on the way changes bodies.', 'pressferry' ),
			'token_key_unknown'     => __( 'The backend has no key with this key id. After a rotation, use the new one.', 'pressferry' ),
			'token_issuer_mismatch' => __( 'The site was registered under another home URL. Register the present one as its issuer.', 'pressferry' ),
			'token_expired'         => __( 'This server\'s clock is wrong by more than the backend\'s answers could correct.', 'pressferry' ),
			'ip_not_allowed'        => __( 'This server\'s address is not on the list of addresses that may send.', 'pressferry' ),
			'https_required'        => __( 'The backend takes events over HTTPS only.', 'pressferry' ),
			'rate_limited_site'     => __( 'This site sends more than its limit allows. Its events wait and follow.', 'pressferry' ),
			'event_type_off'        => __( 'The backend\'s operator switched this type off. Its events wait.', 'pressferry' ),
			'event_type_unknown'    => __( 'The backend does not know this type. Its events wait until the operator adds it.', 'pressferry' ),
			'timestamp_drift'       => __( 'The backend did not believe the time. Check the clock of this server.', 'pressferry' ),
		);
	}

	/**
	 * @return array<string, string>
	 */
	private static function of_the_event(): array {
		return array(
			'data_invalid'           => __( 'The data does not have the form that the backend wants of this type: look at the filters and sources that made it.', 'pressferry' ),
			'envelope_invalid'       => __( 'The backend refuses the form of the event: the plugin may be older than it.', 'pressferry' ),
			'payload_too_large'      => __( 'The event is larger than the backend takes.', 'pressferry' ),
			'payload_not_json'       => __( 'What a filter or a source made cannot be written as JSON.', 'pressferry' ),
			'idempotency_key_reused' => __( 'The backend has another event under this key: was this database copied from another site?', 'pressferry' ),
			'erased'                 => __( 'Its content was erased at a person\'s request.', 'pressferry' ),
		);
	}
}
