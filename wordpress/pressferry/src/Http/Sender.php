<?php
/**
 * One signed try to hand an event to the backend's ingress.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Http;

use Pressferry\Config;
use Pressferry\Uuid;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Sender {

	const CONNECT_TIMEOUT_S  = 3.0;
	const TOTAL_TIMEOUT_S    = 5.0;
	const MAX_RESPONSE_BYTES = 65536;
	const TOKEN_LIFE_S       = 300;

	/** @var Config */
	private $config;

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
		$scheme = wp_parse_url( $this->config->get( 'INGRESS_URL' ), PHP_URL_SCHEME );
		if ( 'https' !== $scheme && ! ( 'http' === $scheme && $this->config->flag( 'INSECURE' ) ) ) {
			return __( 'PRESSFERRY_INGRESS_URL must be https', 'pressferry' );
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
		$headers = array(
			'Content-Type'      => 'application/json',
			'Authorization'     => 'Bearer ' . $this->token( $now_s ),
			'X-Signature'       => Signer::sign( $body, $this->config->get( 'HMAC_SECRET' ) ),
			'X-Idempotency-Key' => (string) $row['idempotency_key'],
		);
		return $this->request( 'POST', $headers, $now_s, $body );
	}

	/**
	 * Asks the backend for nothing but its time: it refuses this method on this path, with its Date.
	 */
	public function ask_time( int $now_s ): Answer {
		return $this->request( 'GET', array(), $now_s );
	}

	/**
	 * Whether WordPress may call the backend's URL: it refuses private hosts unless the constant allows them. Looks the host up.
	 */
	public function is_url_allowed(): bool {
		$url  = $this->config->get( 'INGRESS_URL' );
		$port = (int) wp_parse_url( $url, PHP_URL_PORT );
		// A public host may listen on any port.
		$ports = static function ( $allowed ) use ( $port ) {
			return $port > 0 ? array_merge( (array) $allowed, array( $port ) ) : $allowed;
		};
		add_filter( 'http_allowed_safe_ports', $ports );
		try {
			return $this->config->flag( 'ALLOW_PRIVATE_HOSTS' ) || false !== wp_http_validate_url( $url );
		} finally {
			remove_filter( 'http_allowed_safe_ports', $ports );
		}
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
			'method'              => $method,
			'body'                => $body,
			'headers'             => $headers + array( 'Accept' => 'application/json' ),
			'timeout'             => self::TOTAL_TIMEOUT_S,
			'redirection'         => 0,
			'limit_response_size' => self::MAX_RESPONSE_BYTES,
			'user-agent'          => 'pressferry-wordpress/' . PRESSFERRY_VERSION,
		);
		// WordPress passes on no connect time-out; this hook reaches both transports of Requests, for our request alone.
		// No comparison of URLs: Requests normalises ours before it calls the hook.
		$limit = static function ( &$request_url, &$headers, &$data, &$type, &$options ): void {
			$options['connect_timeout'] = self::CONNECT_TIMEOUT_S;
		};
		add_action( 'requests-requests.before_request', $limit, 10, 5 );
		try {
			return Answer::of( wp_remote_request( $this->config->get( 'INGRESS_URL' ), $args ), $now_s * 1000 );
		} finally {
			remove_action( 'requests-requests.before_request', $limit, 10 );
		}
	}

	private function token( int $now_s ): string {
		$claims = array(
			'iss' => $this->config->get( 'ISSUER' ),
			'sub' => $this->config->get( 'SITE_ID' ),
			'aud' => $this->config->get( 'AUDIENCE' ),
			'iat' => $now_s,
			'exp' => $now_s + self::TOKEN_LIFE_S,
			'jti' => Uuid::v4(),
		);
		return Jwt::sign( $claims, $this->config->get( 'KID' ), $this->config->get( 'PRIVATE_KEY' ) );
	}
}
