<?php
namespace Pressferry\Tests;

use Pressferry\Callback\Verifier;
use Pressferry\Http\Jwt;
use Pressferry\Http\Sender;
use Pressferry\Http\Signer;
use Pressferry\State\BackendClock;
use Pressferry\State\TimeCheck;

/**
 * proto/vectors, which the TypeScript tests run too.
 */
final class VectorsTest extends PluginTestCase {
	public function test_tokens_are_signed_byte_for_byte_as_the_backend_signs_them(): void {
		$keys = self::vectors( 'keys' )['keys'];
		foreach ( self::vectors( 'tokens' )['signing'] as $case ) {
			$this->assertSame( $case['token'], Jwt::sign( $case['claims'], $case['header']['kid'], $keys[ $case['key'] ]['private_key'] ), $case['name'] );
		}
	}

	public function test_a_key_that_is_not_rsa_is_not_usable(): void {
		$keys = self::vectors( 'keys' )['keys'];
		$this->assertTrue( Jwt::usable( $keys['rs256']['private_key'] ) );
		$this->assertTrue( Jwt::usable( str_replace( "\n", '\n', $keys['rs256']['private_key'] ) ), 'as an environment file carries it' );
		$this->assertFalse( Jwt::usable( $keys['es256']['private_key'] ) );
	}

	public function test_bodies_are_signed_as_the_backend_signs_them(): void {
		foreach ( self::vectors( 'hmac' )['cases'] as $case ) {
			$this->assertSame( $case['valid'], hash_equals( Signer::sign( base64_decode( $case['body_base64'] ), $case['secret'] ), $case['signature'] ), $case['name'] );
		}
	}

	public function test_standard_webhooks_signatures_agree_with_the_libraries(): void {
		foreach ( self::vectors( 'standard-webhooks' )['cases'] as $case ) {
			$this->assertSame( $case['signature'], Signer::webhook( $case['id'], (string) $case['timestamp_s'], $case['body'], $case['secret'] ), $case['name'] );
		}
	}

	public function test_pushes_are_accepted_and_refused_as_the_vectors_say(): void {
		$vectors         = self::vectors( 'callbacks' );
		$this->clock->ms = $vectors['now_s'] * 1000;
		foreach ( $vectors['pushes'] as $case ) {
			$request = new \WP_REST_Request( 'POST', '/pressferry/v1/results' );
			foreach ( $case['headers'] as $name => $value ) {
				$request->set_header( $name, $value );
			}
			$request->set_body( $case['body'] );
			$config = new FakeConfig( array( 'HMAC_SECRET' => $case['receiver_secrets'][0], 'HMAC_SECRET_PREVIOUS' => $case['receiver_secrets'][1] ?? '' ) );
			$found  = ( new Verifier( $config, new TimeCheck( new Sender( $config ), new BackendClock( $this->clock ), $this->clock ) ) )->verify( $request );
			$this->assertSame( $case['valid'], '' === $found['code'], $case['name'] . ': ' . $found['code'] );
		}
	}

	public function test_acknowledgements_are_signed_as_the_backend_verifies_them(): void {
		foreach ( self::vectors( 'callbacks' )['acknowledgements'] as $case ) {
			$this->assertSame( $case['valid'], hash_equals( Signer::sign( $case['body'], $case['secret'] ), $case['signature'] ), $case['name'] );
		}
	}
}
