<?php
/**
 * How this site comes to its id, its key and its secret, changes them, and tells a move from a copy.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Callback\Address;
use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Outbox\Outbox;
use Pressferry\State\Breaker;
use Pressferry\State\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Identity {

	// What an enrolment sets; if the environment or wp-config.php sets one of them, it would change nothing.
	const SETS = array( 'SITE_ID', 'KID', 'PRIVATE_KEY', 'HMAC_SECRET', 'INGRESS_URL', 'ISSUER' );

	// What tells the backend which site this is.
	const KEYS = array( 'SITE_ID', 'KID', 'PRIVATE_KEY', 'HMAC_SECRET', 'HMAC_SECRET_PREVIOUS', 'PREVIOUS_UNTIL', 'ENROLLED_HOME', 'KEY_MADE_AT' );

	// The hash of the token by which this site was enrolled.
	const ENROLLED_BY = 'enrolled_by';

	/** @var Config */
	private $config;

	/** @var Api */
	private $api;

	/** @var Outbox */
	private $outbox;

	/** @var Clock */
	private $clock;

	public function __construct( Config $config, Api $api, Outbox $outbox, Clock $clock ) {
		$this->config = $config;
		$this->api    = $api;
		$this->outbox = $outbox;
		$this->clock  = $clock;
	}

	/**
	 * Enrols this site, or enrols it again.
	 *
	 * @return array{ok: bool, code: string, detail: string}
	 */
	public function enrol( Invitation $invitation ): array {
		return Turn::alone(
			$this->clock,
			function () use ( $invitation ): array {
				return $this->enrol_alone( $invitation );
			}
		);
	}

	/**
	 * @return array{ok: bool, code: string, detail: string}
	 */
	private function enrol_alone( Invitation $invitation ): array {
		// A network may well set the backend's URL for all its sites.
		$sets   = is_multisite() ? array_diff( self::SETS, array( 'INGRESS_URL' ) ) : self::SETS;
		$locked = array_filter( $sets, array( $this, 'is_locked' ) );
		if ( array() !== $locked ) {
			return self::outcome( 'locked', 'PRESSFERRY_' . implode( ', PRESSFERRY_', $locked ) );
		}
		if ( '' !== $invitation->fault ) {
			return self::outcome( $invitation->fault );
		}
		$by = hash( 'sha256', $invitation->token );
		if ( array() === $this->config->missing() && State::get( array( self::ENROLLED_BY ) )[ self::ENROLLED_BY ] === $by ) {
			// Someone clicked twice.
			return self::outcome( '' );
		}
		$key = PendingKey::of( $by );
		if ( null === $key ) {
			return self::outcome( 'openssl_missing' );
		}
		$home     = Config::home();
		$callback = Address::of_results();
		$reply    = $this->api->post_unsigned(
			$invitation->url . '/enroll',
			static function ( int $now_s ) use ( $invitation, $key, $home, $callback ): array {
				return array(
					'token'        => $invitation->token,
					'home_url'     => $home,
					'callback_url' => $callback,
					'public_key'   => KeyPair::public_of( $key ),
					'proof'        => KeyPair::proof( $key, $home, hash( 'sha256', $invitation->token ), $now_s ),
				);
			}
		);
		if ( ! $reply->ok() ) {
			return self::outcome( 'not_found' === $reply->code ? 'not_the_backend' : $reply->code, $reply->detail );
		}
		foreach ( array( 'site_id', 'kid', 'secret', 'issuer', 'audience' ) as $name ) {
			if ( '' === $reply->text( $name ) ) {
				return self::outcome( 'not_the_backend' );
			}
		}
		$this->take( $reply, $key, $invitation->url );
		State::put( self::ENROLLED_BY, $by );
		return self::outcome( '' );
	}

	/**
	 * Has the key, the secret or both replaced; the former ones stay valid for a day.
	 *
	 * @return array{ok: bool, code: string, detail: string}
	 */
	public function rotate( bool $with_key, bool $with_secret ): array {
		return Turn::alone(
			$this->clock,
			function () use ( $with_key, $with_secret ): array {
				return $this->rotate_alone( $with_key, $with_secret );
			}
		);
	}

	/**
	 * @return array{ok: bool, code: string, detail: string}
	 */
	private function rotate_alone( bool $with_key, bool $with_secret ): array {
		foreach ( array_filter( array( $with_key ? 'PRIVATE_KEY' : '', $with_key ? 'KID' : '', $with_secret ? 'HMAC_SECRET' : '' ) ) as $name ) {
			if ( $this->is_locked( $name ) ) {
				return self::outcome( 'locked', 'PRESSFERRY_' . $name );
			}
		}
		if ( ! $this->api->is_known() ) {
			return self::outcome( 'results_url_missing' );
		}
		$key = $with_key ? PendingKey::of( 'rotation of ' . $this->config->get( 'KID' ) ) : '';
		if ( null === $key ) {
			return self::outcome( 'openssl_missing' );
		}
		$reply = $this->api->post(
			'/rotate',
			function ( int $now_s ) use ( $with_secret, $key ): array {
				$body = array( 'secret' => $with_secret );
				if ( '' !== $key ) {
					$body['key'] = array(
						'public_key' => KeyPair::public_of( $key ),
						'proof'      => KeyPair::proof( $key, $this->config->get( 'ISSUER' ), $this->config->get( 'SITE_ID' ), $now_s ),
					);
				}
				return $body;
			}
		);
		if ( ! $reply->ok() ) {
			return self::outcome( $reply->code, $reply->detail );
		}
		if ( '' !== $key && '' !== $reply->text( 'kid' ) ) {
			$this->config->store( 'PRIVATE_KEY', $key );
			$this->config->store( 'KID', $reply->text( 'kid' ) );
			$this->config->store( 'KEY_MADE_AT', (string) intdiv( $this->clock->now_ms(), 1000 ) );
			State::forget( PendingKey::STATE );
		}
		if ( '' !== $reply->text( 'secret' ) ) {
			$this->store_secret( $reply->text( 'secret' ) );
		}
		return self::outcome( '' );
	}

	/**
	 * "This is the same site, moved": has the backend register the present home URL in place of the former.
	 *
	 * @return array{ok: bool, code: string, detail: string}
	 */
	public function moved(): array {
		if ( ! $this->api->is_known() ) {
			return self::outcome( 'results_url_missing' );
		}
		$body  = array(
			'home_url'     => Config::home(),
			'callback_url' => Address::of_results(),
		);
		$reply = $this->api->post( '/move', $body );
		if ( ! $reply->ok() ) {
			return self::outcome( $reply->code, $reply->detail );
		}
		$this->config->store( 'ENROLLED_HOME', $reply->text( 'issuer' ) );
		State::forget( 'copy_seen_at' );
		Breaker::reset();
		$this->outbox->hasten();
		return self::outcome( '' );
	}

	/**
	 * "This is a copy": forgets the keys of the site that it was copied from, and gives up the events that came with the copy, which that
	 * site sends itself.
	 *
	 * @return int How many events were given up.
	 */
	public function forget_original(): int {
		$seen_at = (int) State::get( array( 'copy_seen_at' ) )['copy_seen_at'];
		$given   = $this->outbox->give_up_before( $seen_at > 0 ? $seen_at : $this->clock->now_ms(), 'of_the_original' );
		$this->forget( self::KEYS );
		return $given;
	}

	/**
	 * Takes back an enrolment: forgets id, key, secret and addresses. Events are kept, and sent if the site is connected again.
	 *
	 * @return array{ok: bool, code: string, detail: string}
	 */
	public function disconnect(): array {
		$locked = array_filter( self::KEYS, array( $this, 'is_locked' ) );
		if ( array() !== $locked ) {
			return self::outcome( 'locked', 'PRESSFERRY_' . implode( ', PRESSFERRY_', $locked ) );
		}
		$this->forget( array_merge( self::KEYS, array( 'INGRESS_URL', 'RESULTS_URL', 'AUDIENCE' ) ) );
		return self::outcome( '' );
	}

	/**
	 * @param string[] $names Settings.
	 */
	private function forget( array $names ): void {
		foreach ( $names as $name ) {
			$this->config->store( $name, '' );
		}
		foreach ( array( 'copy_seen_at', PendingKey::STATE, self::ENROLLED_BY, 'poll', 'heartbeat' ) as $name ) {
			State::forget( $name );
		}
	}

	/**
	 * Notes when a copy was first noticed: what it recorded since then is its own.
	 */
	public function notice(): void {
		if ( '' !== $this->config->copy_of() ) {
			State::swap( 'copy_seen_at', '', (string) $this->clock->now_ms() );
		}
	}

	private function is_locked( string $name ): bool {
		return '' !== $this->config->locked( $name ) || ( 'PRIVATE_KEY' === $name && '' !== $this->config->locked( 'PRIVATE_KEY_FILE' ) );
	}

	/**
	 * @param Reply $reply As the backend enrolled this site.
	 */
	private function take( Reply $reply, string $key, string $url ): void {
		$ingress = $reply->text( 'ingress_url' );
		$values  = array(
			'SITE_ID'       => $reply->text( 'site_id' ),
			'KID'           => $reply->text( 'kid' ),
			'PRIVATE_KEY'   => $key,
			'AUDIENCE'      => 'pressferry' === $reply->text( 'audience' ) ? '' : $reply->text( 'audience' ),
			'ISSUER'        => '',
			'ENROLLED_HOME' => $reply->text( 'issuer' ),
			'RESULTS_URL'   => '' === $reply->text( 'results_url' ) ? $url : $reply->text( 'results_url' ),
			'KEY_MADE_AT'   => (string) intdiv( $this->clock->now_ms(), 1000 ),
		);
		if ( '' !== $ingress ) {
			$values['INGRESS_URL'] = untrailingslashit( $ingress ) . '/ingest';
		}
		foreach ( $values as $name => $value ) {
			$this->config->store( $name, $value );
		}
		$this->store_secret( $reply->text( 'secret' ) );
		State::forget( PendingKey::STATE );
		State::forget( 'copy_seen_at' );
		Breaker::reset();
		$this->outbox->redrive( 1000 );
		$this->outbox->hasten();
	}

	private function store_secret( string $secret ): void {
		$former = $this->config->get( 'HMAC_SECRET' );
		if ( $former !== $secret ) {
			$this->config->store( 'HMAC_SECRET_PREVIOUS', $former );
			$this->config->store( 'PREVIOUS_UNTIL', (string) ( intdiv( $this->clock->now_ms(), 1000 ) + DAY_IN_SECONDS ) );
		}
		$this->config->store( 'HMAC_SECRET', $secret );
	}

	/**
	 * @return array{ok: bool, code: string, detail: string}
	 */
	private static function outcome( string $code, string $detail = '' ): array {
		return array(
			'ok'     => '' === $code,
			'code'   => $code,
			'detail' => $detail,
		);
	}
}
