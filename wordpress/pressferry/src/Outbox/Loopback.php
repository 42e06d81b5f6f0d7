<?php
/**
 * A request of the site to itself, which dispatches if a visitor's process cannot answer first and go on.
 *
 * Whether it arrives is found out once and remembered: at first it hangs up at once; if that loses it (a proxy in between), it stays
 * for a moment; if that does not help either, the tick alone dispatches, and a day later it is tried again.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

use Pressferry\Clock;
use Pressferry\State\State;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Loopback {

	const STATE = 'loopback';
	const QUERY = 'pressferry-dispatch';

	// How it is tried, in this order.
	const AT_ONCE = 'at_once';
	const LINGER  = 'linger';
	const OFF     = 'off';

	const LINGER_US         = 100000;
	const CONNECT_TIMEOUT_S = 0.5;

	// A request that has not arrived by then never will.
	const ARRIVES_WITHIN_MS = 15000;
	const AGAIN_AFTER_MS    = 86400000;

	/** @var LoopbackToken */
	private $tokens;

	/** @var Clock */
	private $clock;

	public function __construct( Clock $clock ) {
		$this->tokens = new LoopbackToken( $clock );
		$this->clock  = $clock;
	}

	/**
	 * Sends the request, if there is a way that works or that is to be tried.
	 *
	 * @return bool Whether it was sent.
	 */
	public function send(): bool {
		$way = $this->way( State::map( self::STATE ) );
		if ( '' === $way ) {
			return false;
		}
		$this->request( $way );
		return true;
	}

	/**
	 * For the tick: forgets tokens that were never used, and finds out what no visitor should wait for.
	 */
	public function maintain(): void {
		$state = State::map( self::STATE );
		if ( $this->tokens->sweep() > 0 && true === ( $state['works'] ?? null ) ) {
			// It worked, and does not any more.
			State::forget( self::STATE );
			$state = array();
		}
		if ( true !== ( $state['works'] ?? null ) ) {
			$this->send();
		}
	}

	/**
	 * Whether the request's token is ours and unused. A first arrival says that this way works.
	 */
	public function arrived( string $token ): bool {
		if ( ! $this->tokens->spend( $token ) ) {
			return false;
		}
		$state = State::map( self::STATE );
		if ( true !== ( $state['works'] ?? null ) ) {
			$this->remember( (string) ( $state['way'] ?? self::AT_ONCE ), true );
		}
		return true;
	}

	/**
	 * What is known: at_once, linger, off, or an empty string while it is being found out.
	 */
	public static function known(): string {
		$state = State::map( self::STATE );
		return isset( $state['works'] ) && null !== $state['works'] ? (string) $state['way'] : '';
	}

	/**
	 * How to send now; an empty string for not at all.
	 *
	 * @param array<string, mixed> $state way; works: true, false, or null while one is under way; at: since when.
	 */
	private function way( array $state ): string {
		$way = (string) ( $state['way'] ?? '' );
		$age = abs( $this->clock->now_ms() - (int) ( $state['at'] ?? 0 ) );
		if ( '' === $way || ( self::OFF === $way && $age > self::AGAIN_AFTER_MS ) ) {
			return $this->remember( self::AT_ONCE, null );
		}
		if ( self::OFF === $way ) {
			return '';
		}
		if ( true === $state['works'] ) {
			return $way;
		}
		if ( $age < self::ARRIVES_WITHIN_MS ) {
			return '';
		}
		return self::AT_ONCE === $way ? $this->remember( self::LINGER, null ) : $this->remember( self::OFF, false );
	}

	/**
	 * @return string The way, empty for OFF.
	 */
	private function remember( string $way, ?bool $works ): string {
		State::put(
			self::STATE,
			array(
				'way'   => $way,
				'works' => $works,
				'at'    => $this->clock->now_ms(),
			)
		);
		return self::OFF === $way ? '' : $way;
	}

	private function request( string $way ): void {
		// cURL waits a whole second for an answer no one reads; the socket transport leaves at once.
		$leave_at_once = static function ( &$url, &$headers, &$data, &$type, &$options ): void {
			$options['connect_timeout'] = self::CONNECT_TIMEOUT_S;
			foreach ( array( 'WpOrg\\Requests\\Transport\\Fsockopen', 'Requests_Transport_fsockopen' ) as $transport ) {
				if ( class_exists( $transport ) && $transport::test( array( 'ssl' => 0 === strpos( $url, 'https://' ) ) ) ) {
					$options['transport'] = $transport;
					return;
				}
			}
		};
		$linger        = static function () use ( $way ): void {
			if ( self::LINGER === $way ) {
				usleep( self::LINGER_US );
			}
		};
		add_action( 'requests-requests.before_request', $leave_at_once, 10, 5 );
		add_action( 'requests-fsockopen.after_send', $linger );
		try {
			wp_remote_post(
				add_query_arg( self::QUERY, '1', site_url( '/index.php' ) ),
				array(
					'blocking'    => false,
					'timeout'     => 0.01,
					'redirection' => 0,
					'body'        => array( 'token' => $this->tokens->issue() ),
					'sslverify'   => apply_filters( 'https_local_ssl_verify', false ), // phpcs:ignore WordPress.NamingConventions.PrefixAllGlobals -- core's own filter.
				)
			);
		} finally {
			remove_action( 'requests-requests.before_request', $leave_at_once, 10 );
			remove_action( 'requests-fsockopen.after_send', $linger );
		}
	}
}
