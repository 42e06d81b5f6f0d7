<?php
/**
 * REST routes that only our backend may call, and whose answers it can verify.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Callback;

use Pressferry\Http\Signer;
use WP_Error;
use WP_REST_Request;
use WP_REST_Response;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class SignedRoutes {

	const REST_NAMESPACE = 'pressferry/v1';

	/** @var Verifier */
	private $verifier;

	/** @var array<string, callable> */
	private $handlers;

	/** @var \SplObjectStorage<WP_REST_Request, array<string, string>> What permission_callback found; WordPress calls it twice. */
	private $verified;

	/** @var \SplObjectStorage<WP_REST_Request, string> The exact bytes that were signed. */
	private $answers;

	/**
	 * @param array<string, callable> $handlers Path => function( array $body ): array, or a WP_Error. Runs once per accepted request.
	 */
	public function __construct( Verifier $verifier, array $handlers ) {
		$this->verifier = $verifier;
		$this->handlers = $handlers;
		$this->verified = new \SplObjectStorage();
		$this->answers  = new \SplObjectStorage();
	}

	public function register(): void {
		add_action( 'rest_api_init', array( $this, 'add_routes' ) );
		add_filter( 'rest_pre_serve_request', array( $this, 'serve' ), 10, 3 );
	}

	public function add_routes(): void {
		foreach ( $this->handlers as $path => $handler ) {
			register_rest_route(
				self::REST_NAMESPACE,
				$path,
				array(
					'methods'             => 'POST',
					// No `args`: nothing of the body is looked at before the signature.
					'permission_callback' => array( $this, 'permit' ),
					'callback'            => function ( WP_REST_Request $request ) use ( $handler ) {
						return $this->answer( $request, $handler );
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
		return new WP_Error( 'pressferry_' . $found['code'], __( 'This request is not accepted.', 'pressferry' ), array( 'status' => $statuses[ $found['code'] ] ?? 401 ) );
	}

	/**
	 * Echoes exactly the bytes that were signed, whatever `_envelope`, `_fields` or a filter made of the data.
	 *
	 * @param bool  $served Whether somebody served already.
	 * @param mixed $result Unused.
	 */
	public function serve( $served, $result, WP_REST_Request $request ): bool {
		if ( $served || ! $this->answers->contains( $request ) ) {
			return (bool) $served;
		}
		echo $this->answers[ $request ]; // phpcs:ignore WordPress.Security.EscapeOutput -- JSON, served as application/json.
		return true;
	}

	/**
	 * @return WP_REST_Response|WP_Error
	 */
	private function answer( WP_REST_Request $request, callable $handler ) {
		$found = $this->check( $request );
		if ( '' !== $found['code'] ) {
			return $this->permit( $request );
		}
		$body = json_decode( (string) $request->get_body(), true );
		if ( ! is_array( $body ) ) {
			return new WP_Error( 'pressferry_body_invalid', __( 'The body is not a JSON object.', 'pressferry' ), array( 'status' => 400 ) );
		}
		$data = $handler( $body );
		if ( $data instanceof WP_Error ) {
			return $data;
		}
		$bytes = (string) wp_json_encode( $data, JSON_UNESCAPED_SLASHES );
		$this->answers->attach( $request, $bytes );
		$headers = array(
			'X-Signature'   => Signer::sign( $bytes, $found['secret'] ),
			'Cache-Control' => 'no-store',
		);
		return new WP_REST_Response( $data, 200, $headers );
	}

	/**
	 * @return array<string, string>
	 */
	private function check( WP_REST_Request $request ): array {
		if ( ! $this->verified->contains( $request ) ) {
			$this->verified->attach( $request, $this->verifier->verify( $request ) );
		}
		return $this->verified[ $request ];
	}
}
