<?php
namespace Pressferry\Tests;

/**
 * Takes the place of the network: records what WordPress' HTTP API was asked to send, and answers from a list.
 */
final class FakeIngress {
	/** @var array<int, array<string, mixed>> */
	public $requests = array();

	/** @var array<int, array<string, mixed>> Requests of the site to itself. */
	public $loopbacks = array();

	/** @var array<int, mixed> Answers to come; the last one stays. */
	public $answers = array();

	public function install(): void {
		add_filter( 'pre_http_request', array( $this, 'answer' ), 10, 3 );
	}

	public function remove(): void {
		remove_filter( 'pre_http_request', array( $this, 'answer' ), 10 );
	}

	public function answer( $pre, $args, $url ) {
		if ( false !== strpos( $url, 'pressferry-dispatch=' ) ) {
			$this->loopbacks[] = $args + array( 'url' => $url );
			return self::response( 200, '' );
		}
		if ( false !== strpos( rawurldecode( $url ), 'pressferry/v1/' ) ) {
			// The site asks whether it finds its own route.
			return self::response( 401, array( 'code' => 'pressferry_signature_invalid' ) );
		}
		$this->requests[] = $args + array( 'url' => $url );
		$answer           = count( $this->answers ) > 1 ? array_shift( $this->answers ) : ( $this->answers[0] ?? self::accepted() );
		return is_object( $answer ) && is_callable( $answer ) ? $answer( $args ) : $answer;
	}

	public static function accepted( array $headers = array() ): array {
		return self::response( 202, array( 'request_id' => '6978440a-03a1-535b-93bf-4c3d1468f01b', 'status' => 'accepted', 'duplicate' => false ), $headers );
	}

	public static function response( int $status, $body = array(), array $headers = array() ): array {
		return array(
			'headers'  => $headers,
			'body'     => is_string( $body ) ? $body : json_encode( $body ),
			'response' => array( 'code' => $status, 'message' => '' ),
			'cookies'  => array(),
			'filename' => null,
		);
	}
}
