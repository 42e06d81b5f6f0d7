<?php
/**
 * REST routes that only our backend may call, and whose answers it can verify.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

use Pressferry\Config;
use Pressferry\Http\Signer;
use Pressferry\Http\Trace;
use WP_Error;
use WP_REST_Request;
use WP_REST_Response;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class SignedRoutes {

	const REST_NAMESPACE = 'pressferry/v1';

	// What any body may carry: when it was sent, and which route of which site it is for.
	const COMMON_MEMBERS = array( 'sent_at', 'route', 'site_id' );

	/** @var Verifier */
	private $verifier;

	/** @var Config */
	private $config;

	/** @var array<string, array{handler: callable, members: string[]|null}> */
	private $routes;

	/** @var \SplObjectStorage<WP_REST_Request, array<string, string>> What permission_callback found; WordPress calls it twice. */
	private $verified;

	/** @var \SplObjectStorage<WP_REST_Request, array{0: string, 1: string}> The exact bytes that were signed, and the signature. */
	private $answers;

	/**
	 * @param array<string, array{handler: callable, members: string[]|null}> $routes By path: function( array $body, string $traceparent ): array,
	 *        or a WP_Error, which runs once for an accepted request; and the members that a body may have, null if the handler judges them.
	 */
	public function __construct( Verifier $verifier, Config $config, array $routes ) {
		$this->verifier = $verifier;
		$this->config   = $config;
		$this->routes   = $routes;
		$this->verified = new \SplObjectStorage();
		$this->answers  = new \SplObjectStorage();
	}

	public function register(): void {
		add_action( 'rest_api_init', array( $this, 'add_routes' ) );
		// Before all others, one of which may serve what it made of our data, or end the request.
		add_filter( 'rest_pre_serve_request', array( $this, 'serve' ), PHP_INT_MIN, 3 );
	}

	public function add_routes(): void {
		foreach ( array_keys( $this->routes ) as $path ) {
			register_rest_route(
				self::REST_NAMESPACE,
				$path,
				array(
					'methods'             => 'POST',
					// No `args`: nothing of the body is looked at before the signature.
					'permission_callback' => array( $this, 'permit' ),
					'callback'            => function ( WP_REST_Request $request ) use ( $path ) {
						return $this->answer( $request, $path );
					},
				)
			);
		}
	}

	/**
	 * @return true|WP_Error
	 */
	public function permit( WP_REST_Request $request ) {
		$found = $this->check( $request );
		if ( '' === $found['code'] ) {
			return true;
		}
		$statuses = array(
			'body_missing'   => 400,
			'body_too_large' => 413,
			'not_configured' => 503,
		);
		return self::refusal( $found['code'], $statuses[ $found['code'] ] ?? 401 );
	}

	/**
	 * Sends exactly the bytes that were signed, whatever `_envelope`, `_fields`, a filter or a print made of the answer.
	 *
	 * @param bool  $served Whether someone served already.
	 * @param mixed $result Unused.
	 */
	public function serve( $served, $result, WP_REST_Request $request ): bool {
		if ( $served || ! isset( $this->answers[ $request ] ) ) {
			return (bool) $served;
		}
		OutputGuard::send( ...$this->answers[ $request ] );
		return true;
	}

	/**
	 * @return WP_REST_Response|WP_Error
	 */
	private function answer( WP_REST_Request $request, string $path ) {
		$found = $this->check( $request );
		if ( '' !== $found['code'] ) {
			return $this->permit( $request );
		}
		$body = json_decode( (string) $request->get_body(), true );
		if ( ! is_array( $body ) ) {
			return self::refusal( 'body_invalid', 400 );
		}
		if ( ! $this->is_for( $path, $body ) ) {
			return self::refusal( 'not_for_this_route', 403 );
		}
		$data = $this->routes[ $path ]['handler']( $body, Trace::valid( (string) $request->get_header( 'traceparent' ) ) );
		if ( $data instanceof WP_Error ) {
			return $data;
		}
		$bytes     = (string) wp_json_encode( $data, JSON_UNESCAPED_SLASHES );
		$signature = Signer::sign( $bytes, $found['secret'] );

		$this->answers[ $request ] = array( $bytes, $signature );

		$headers = array(
			'X-Signature'   => $signature,
			'Cache-Control' => 'no-store',
		);
		return new WP_REST_Response( $data, 200, $headers );
	}

	/**
	 * Whether what was signed was signed for this route of this site: what is captured on its way to one opens no other.
	 *
	 * @param array<string, mixed> $body
	 */
	private function is_for( string $path, array $body ): bool {
		$members = $this->routes[ $path ]['members'];
		if ( null !== $members && array() !== array_diff( array_keys( $body ), self::COMMON_MEMBERS, $members ) ) {
			return false;
		}
		// A result is told by its members; everything else must name its route.
		$route   = null === $members ? $body['route'] ?? $path : $body['route'] ?? '';
		$site_id = $this->config->get( 'SITE_ID' );
		return $route === $path && ( $body['site_id'] ?? $site_id ) === $site_id;
	}

	private static function refusal( string $code, int $status ): WP_Error {
		return new WP_Error( 'pressferry_' . $code, __( 'This request is not accepted.', 'pressferry' ), array( 'status' => $status ) );
	}

	/**
	 * @return array<string, string>
	 */
	private function check( WP_REST_Request $request ): array {
		if ( ! isset( $this->verified[ $request ] ) ) {
			$this->verified[ $request ] = $this->verifier->verify( $request );
		}
		return $this->verified[ $request ];
	}
}
