<?php
/**
 * An invitation: a one-time token and the URL where it is good, often as one text.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Invitation {

	const TOKEN = '/^pfe1_[A-Za-z0-9_-]{43}$/';

	/** @var string */
	public $token = '';

	/** @var string Without a slash at the end. */
	public $url = '';

	/** @var string An empty string; or token_malformed, url_missing, url_malformed, url_insecure. */
	public $fault = '';

	/**
	 * The texts of several invitations, one in each line; the first column of what `pressferry sites enroll-token` writes.
	 *
	 * @return string[]
	 */
	public static function many( string $text ): array {
		preg_match_all( '/^[ \t"]*(pfe1_[^\s,;"]*)/m', $text, $found );
		return array_values( array_unique( $found[1] ) );
	}

	/**
	 * Reads `token` or `token@url` and, if the URL is not in it, the URL next to it.
	 *
	 * @param bool $may_be_http Whether a URL without TLS is taken.
	 */
	public static function read( string $text, string $url, bool $may_be_http ): self {
		$invitation        = new self();
		$text              = trim( $text );
		$at                = strpos( $text, '@' );
		$invitation->token = false === $at ? $text : trim( substr( $text, 0, $at ) );
		$url               = false === $at ? trim( $url ) : trim( substr( $text, $at + 1 ) );
		// The whole path means the same.
		$invitation->url = untrailingslashit( (string) preg_replace( '#/enroll/?$#', '', $url ) );
		$scheme          = wp_parse_url( $invitation->url, PHP_URL_SCHEME );
		if ( 1 !== preg_match( self::TOKEN, $invitation->token ) ) {
			$invitation->fault = 'token_malformed';
		} elseif ( '' === $invitation->url ) {
			$invitation->fault = 'url_missing';
		} elseif ( ! in_array( $scheme, array( 'http', 'https' ), true ) || ! wp_parse_url( $invitation->url, PHP_URL_HOST ) ) {
			$invitation->fault = 'url_malformed';
		} elseif ( 'http' === $scheme && ! $may_be_http ) {
			$invitation->fault = 'url_insecure';
		}
		return $invitation;
	}
}
