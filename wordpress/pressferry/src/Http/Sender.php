<?php
/**
 * One signed try to hand an event to the backend's ingress.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

use Pressferry\Config;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Sender {

	// A host is not looked up again for each of many events: that blocks, and no time-out bounds it.
	const ALLOWED_FOR_NS = 10000000000;

	/** @var Config */
	private $config;

	/** @var string The URL that was looked up last, if it may be called. */
	private $allowed = '';

	/** @var int Until when that holds, by a clock that is never set. */
	private $allowed_until = 0;

	public function __construct( Config $config ) {
		$this->config = $config;
	}

	/**
	 * Why nothing can be sent at all, or an empty string: a missing setting, a URL that is not allowed, an unusable key.
	 */
	public function blocked_by(): string {
		$missing = $this->config->missing();
		if ( array() !== $missing ) {
			/* translators: %s: names of settings, or sentences. */
			return sprintf( __( 'missing: %s', 'pressferry' ), implode( ', ', $missing ) );
		}
		$original = $this->config->copy_of();
		if ( '' !== $original ) {
			/* translators: 1: a URL, 2: a URL. */
			return sprintf( __( 'this site was enrolled as %1$s and is now %2$s: say in Settings → Pressferry whether it moved or is a copy', 'pressferry' ), $original, Config::home() );
		}
		$scheme = wp_parse_url( $this->config->get( 'INGRESS_URL' ), PHP_URL_SCHEME );
		if ( 'https' !== $scheme && ! ( 'http' === $scheme && $this->config->flag( 'INSECURE' ) ) ) {
			return __( 'PRESSFERRY_INGRESS_URL must be https', 'pressferry' );
		}
		if ( ! function_exists( 'openssl_sign' ) ) {
			return __( 'this server\'s PHP cannot sign: ask your host to enable its openssl extension', 'pressferry' );
		}
		return Jwt::usable( $this->config->get( 'PRIVATE_KEY' ) ) ? '' : __( 'PRESSFERRY_PRIVATE_KEY is not an RSA key that this server can use', 'pressferry' );
	}

	/**
	 * Sends one body, signed, under a fresh token. At most 3 s to connect, 5 s in all.
	 *
	 * @param array<string, mixed> $row   An outbox row.
	 * @param string               $body  As Payload::body made it.
	 * @param int                  $now_s Seconds since 1970, by the backend's clock as far as it is known.
	 */
	public function send( array $row, string $body, int $now_s ): Answer {
		$headers     = array(
			'Content-Type'      => 'application/json',
			'Authorization'     => 'Bearer ' . Jwt::token( $this->config, $now_s ),
			'X-Signature'       => Signer::sign( $body, $this->config->get( 'HMAC_SECRET' ) ),
			'X-Idempotency-Key' => (string) $row['idempotency_key'],
		);
		$traceparent = Trace::of_try( $row );
		if ( '' !== $traceparent ) {
			$headers['traceparent'] = $traceparent;
		}
		return $this->request( 'POST', $headers, $now_s, $body );
	}

	/**
	 * Asks the backend for nothing but its time: it refuses this method on this path, with its Date.
	 */
	public function ask_time( int $now_s ): Answer {
		return $this->request( 'GET', array(), $now_s );
	}

	/**
	 * Whether WordPress may call the backend's URL: it refuses private hosts unless a setting allows them. Looks the host up.
	 */
	public function is_url_allowed(): bool {
		$url   = $this->config->get( 'INGRESS_URL' );
		$asked = $url . ' ' . $this->config->get( 'ALLOW_PRIVATE_HOSTS' );
		if ( $asked !== $this->allowed || hrtime( true ) > $this->allowed_until ) {
			if ( ! Request::is_allowed( $url, $this->config ) ) {
				return false;
			}
			$this->allowed       = $asked;
			$this->allowed_until = hrtime( true ) + self::ALLOWED_FOR_NS;
		}
		return true;
	}

	/**
	 * @param array<string, string> $headers
	 */
	private function request( string $method, array $headers, int $now_s, ?string $body = null ): Answer {
		// Not wp_safe_remote_post, whose error says no more than "network".
		if ( ! $this->is_url_allowed() ) {
			return Answer::without_answer( 'url_not_allowed' );
		}
		$args = array(
			'headers' => $headers,
			'body'    => $body,
		);
		return Answer::of( Request::send( $method, $this->config->get( 'INGRESS_URL' ), $args ), $now_s * 1000 );
	}
}
