<?php
/**
 * Enrols many sites of a network, each with its own one-time token.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Backend;

use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\Network;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class NetworkEnrolment {

	// Such a token is good for no site: the next one is tried.
	const OF_THE_TOKEN = array( 'token_malformed', 'enrolment_token_invalid', 'enrolment_token_used' );

	// Such a fault is one site's: its token is kept for the next one. Any other would meet all of them.
	const OF_THE_SITE = array( 'locked', 'enrolment_refused', 'site_gone', 'without_plugin', 'connected_already' );

	/** @var Config */
	private $config;

	/** @var Identity */
	private $identity;

	/** @var Heartbeat */
	private $heartbeat;

	/** @var Clock */
	private $clock;

	public function __construct( Config $config, Identity $identity, Heartbeat $heartbeat, Clock $clock ) {
		$this->config    = $config;
		$this->identity  = $identity;
		$this->heartbeat = $heartbeat;
		$this->clock     = $clock;
	}

	/**
	 * Enrols sites in this order with tokens in this order, until one of both or the time is used up, or a fault that is not one site's.
	 *
	 * An attempt whose answer was lost is answered again for the same site and token, so the rest is tried in the order in which it is
	 * returned.
	 *
	 * @param int[]    $blogs    Numbers of sites.
	 * @param string[] $tokens   Each `token` or `token@url`.
	 * @param string   $url      Where tokens without a URL are good.
	 * @param int      $until_ms When no further one is begun.
	 * @return array{sites: array<int, array{ok: bool, code: string, detail: string}>, blogs: int[], tokens: string[], unusable: int, stopped: array{code: string, detail: string}|null} Outcomes by site; the rest; how many tokens were good for no site; why it stopped early.
	 */
	public function run( array $blogs, array $tokens, string $url, int $until_ms ): array {
		$sites    = array();
		$unusable = 0;
		$stopped  = null;
		while ( array() !== $blogs && array() !== $tokens && null === $stopped && $this->clock->now_ms() < $until_ms ) {
			$outcome = $this->enrol( $blogs[0], $tokens[0], $url );
			if ( in_array( $outcome['code'], self::OF_THE_TOKEN, true ) ) {
				array_shift( $tokens );
				++$unusable;
			} elseif ( $outcome['ok'] || in_array( $outcome['code'], self::OF_THE_SITE, true ) ) {
				$sites[ array_shift( $blogs ) ] = $outcome;
				$outcome['ok'] && array_shift( $tokens );
			} else {
				$stopped = array_intersect_key( $outcome, array_flip( array( 'code', 'detail' ) ) );
			}
		}
		return compact( 'sites', 'blogs', 'tokens', 'unusable', 'stopped' );
	}

	/**
	 * @return array{ok: bool, code: string, detail: string}
	 */
	private function enrol( int $blog, string $token, string $url ): array {
		$outcome = array(
			'ok'     => false,
			'code'   => 'site_gone',
			'detail' => '',
		);
		Network::on(
			$blog,
			function () use ( $token, $url, &$outcome ): void {
				if ( ! Network::has_plugin() ) {
					$outcome['code'] = 'without_plugin';
					return;
				}
				if ( array() === $this->config->missing() && '' === $this->config->copy_of() ) {
					$outcome['code'] = 'connected_already';
					return;
				}
				$outcome = $this->identity->enrol( Invitation::read( $token, $url, $this->config->flag( 'INSECURE' ) ) );
				if ( $outcome['ok'] && array() === $this->config->missing() ) {
					// So that the operator sees the new site at once.
					$this->heartbeat->send();
				}
			}
		);
		return $outcome;
	}
}
