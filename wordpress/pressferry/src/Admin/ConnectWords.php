<?php
/**
 * What the connection's screen and commands say: each outcome with its remedy.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class ConnectWords {

	/**
	 * What went well; an empty string for a word that is none.
	 */
	public static function success( string $word ): string {
		$sentences = array(
			'enrolled'     => __( 'The site is connected. A test event is on its way.', 'pressferry' ),
			'testing'      => __( 'A test event is on its way.', 'pressferry' ),
			'rotated'      => __( 'The site has a new key and a new secret. The former ones stay valid for a day.', 'pressferry' ),
			'moved'        => __( 'The backend knows the site under its new address. What waited is being sent.', 'pressferry' ),
			'disconnected' => __( 'The site is not connected any more. Its events are kept, and sent if you connect it again.', 'pressferry' ),
			'forgotten'    => __( 'The keys of the original are forgotten. Connect this copy with a token of its own.', 'pressferry' ),
		);
		return $sentences[ $word ] ?? '';
	}

	/**
	 * What went wrong and what to do about it.
	 *
	 * @param string $detail What the backend says of it; it names the remedy.
	 */
	public static function failure( string $code, string $detail ): string {
		$texts = self::of_enrolment() + self::of_the_way() + self::of_the_trip();
		$text  = $texts[ $code ] ?? Remedies::of( $code );
		if ( '' === $detail ) {
			return $text;
		}
		/* translators: 1: a sentence, 2: what the backend or wp-config.php says of it. */
		return sprintf( __( '%1$s (%2$s)', 'pressferry' ), $text, $detail );
	}

	public static function step( string $step ): string {
		$labels = array(
			'sent'      => __( 'Sent', 'pressferry' ),
			'accepted'  => __( 'Accepted by the backend', 'pressferry' ),
			'processed' => __( 'Processed', 'pressferry' ),
			'received'  => __( 'Result received', 'pressferry' ),
		);
		return $labels[ $step ] ?? $step;
	}

	public static function state( string $state ): string {
		$labels = array(
			'done'        => __( 'done', 'pressferry' ),
			'failed'      => __( 'failed', 'pressferry' ),
			'waiting'     => __( 'waiting', 'pressferry' ),
			'not_reached' => __( 'not reached', 'pressferry' ),
		);
		return $labels[ $state ] ?? $state;
	}

	public static function mark( string $state ): string {
		$marks = array(
			'done'    => '✓',
			'failed'  => '✗',
			'waiting' => '…',
		);
		return $marks[ $state ] ?? '·';
	}

	/**
	 * @return array<string, string>
	 */
	private static function of_enrolment(): array {
		return array(
			'token_malformed'         => __( 'This is not a token: it begins with pfe1_ and has 48 characters. Copy all of it.', 'pressferry' ),
			'url_missing'             => __( 'The URL is missing: enter it next to the token, or paste both as one text with an @ between.', 'pressferry' ),
			'url_malformed'           => __( 'The URL cannot be read: it begins with https://.', 'pressferry' ),
			'url_insecure'            => __( 'The URL must begin with https://. For a backend without TLS, on your own computer say, set PRESSFERRY_INSECURE in wp-config.php.', 'pressferry' ),
			'openssl_missing'         => __( 'This server\'s PHP cannot make a key: its openssl extension is missing or broken. Ask your host to enable "openssl", or upload a key as Settings says.', 'pressferry' ),
			'locked'                  => __( 'The environment or wp-config.php sets what this would change. Remove these constants first, or leave the connection to them.', 'pressferry' ),
			'enrolment_token_invalid' => __( 'The token is not known or has expired. Ask for a new one (pressferry sites enroll-token).', 'pressferry' ),
			'enrolment_token_used'    => __( 'The token was used already, by another site or key. Each site needs its own; ask for a new one.', 'pressferry' ),
			'enrolment_proof_invalid' => __( 'The backend does not believe the key\'s proof. Most often this server\'s clock is wrong: set it, and try again.', 'pressferry' ),
			'enrolment_refused'       => __( 'The backend does not take this site as it is.', 'pressferry' ),
			'site_request_refused'    => __( 'The backend does not change the site so.', 'pressferry' ),
			'rate_limited_ip'         => __( 'Too many attempts from this server. Wait a minute, and try again.', 'pressferry' ),
			'registry_unavailable'    => __( 'The backend cannot write at the moment. Try again with the same token in a minute: it is still good.', 'pressferry' ),
			'results_url_missing'     => __( 'This site does not know where the backend\'s results are: connect it again, or set PRESSFERRY_RESULTS_URL.', 'pressferry' ),
			'being_connected'         => __( 'Another request is connecting this site, or changing its keys, at this moment. Wait a minute, and look again.', 'pressferry' ),
			'connected_already'       => __( 'The site is connected already.', 'pressferry' ),
			'without_plugin'          => __( 'The site does not have this plugin: activate it there, or for the whole network.', 'pressferry' ),
			'site_gone'               => __( 'This site does not exist any more.', 'pressferry' ),
			'blocked'                 => __( 'Nothing can be asked of the backend now.', 'pressferry' ),
		);
	}

	/**
	 * @return array<string, string>
	 */
	private static function of_the_way(): array {
		return array(
			'network_error'   => __( 'The backend cannot be reached: the connection was refused or broken off. Check the URL, and whether this server\'s firewall lets it out.', 'pressferry' ),
			'name_unknown'    => __( 'There is no server of that name. Check how the URL is written.', 'pressferry' ),
			'tls_failed'      => __( 'The connection is not secure: the certificate under that URL is expired, for another name, or of an unknown authority. Its operator must mend it.', 'pressferry' ),
			'not_the_backend' => __( 'Something answers there, but it is not the backend: check the URL. It is the address of the results service, not of a web page and not the one for events.', 'pressferry' ),
		);
	}

	/**
	 * @return array<string, string>
	 */
	private static function of_the_trip(): array {
		return array(
			'event_type_unknown' => __( 'The backend knows this site, and verified signature, token and clock; but it is older than the test event. Events of its own types go through.', 'pressferry' ),
			'not_processed'      => __( 'The backend took the event, and has not processed it for a minute. Its operator should look at enricher (pressferry doctor). Your events are safe there.', 'pressferry' ),
			'no_push'            => __( 'No result came back within a minute. Either the backend does not process events, or it does not reach this site: check that the REST API can be called from outside.', 'pressferry' ),
			'not_stored'         => __( 'The result came, and this site\'s database did not take it: look at Site Health.', 'pressferry' ),
		);
	}
}
