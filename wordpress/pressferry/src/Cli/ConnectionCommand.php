<?php
/**
 * `wp pressferry enroll`, `disconnect`, `keys rotate`, `poll`, `heartbeat`, `moved` and `forget-original`.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Cli;

use Pressferry\Admin\ConnectWords;
use Pressferry\Backend\Heartbeat;
use Pressferry\Backend\Identity;
use Pressferry\Backend\Invitation;
use Pressferry\Backend\Poll;
use Pressferry\Backend\RoundTrip;
use Pressferry\Config;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Connects this site to its backend.
 */
final class ConnectionCommand {

	/** @var array{config: Config, identity: Identity, trip: RoundTrip, poll: Poll, heartbeat: Heartbeat, network: NetworkCommand} */
	private $parts;

	/**
	 * @param array{config: Config, identity: Identity, trip: RoundTrip, poll: Poll, heartbeat: Heartbeat, network: NetworkCommand} $parts
	 */
	public function __construct( array $parts ) {
		$this->parts = $parts;
	}

	/**
	 * Connects this site: makes its key, proves that it holds it, and stores what the backend answers. Ends with 1 when it fails.
	 *
	 * ## OPTIONS
	 *
	 * [--network]
	 * : On every site of the network; those that are not connected, each with its own token. Ends with 1 unless all are connected.
	 *
	 * <token>
	 * : The one-time token, or token@URL. A dash reads it from standard input, so no list of processes shows it; with --network one in each line.
	 *
	 * [<url>]
	 * : The URL at which the site enrols, unless it follows the token.
	 *
	 * [--format=<format>]
	 * : json, or a sentence.
	 *
	 * @param string[]              $args    token, url.
	 * @param array<string, string> $options format.
	 */
	public function enroll( $args, $options ): void {
		Options::is_json( $options );
		if ( NetworkCommand::asked( $options ) ) {
			$text = '-' === ( $args[0] ?? '' ) ? (string) stream_get_contents( STDIN ) : (string) ( $args[0] ?? '' );
			$this->parts['network']->enroll( Invitation::many( $text ), (string) ( $args[1] ?? '' ), $options );
			return;
		}
		$token      = '-' === ( $args[0] ?? '' ) ? (string) fgets( STDIN ) : (string) ( $args[0] ?? '' );
		$invitation = Invitation::read( $token, (string) ( $args[1] ?? '' ), $this->parts['config']->flag( 'INSECURE' ) );
		$outcome    = $this->parts['identity']->enrol( $invitation );
		$site_id    = $this->parts['config']->get( 'SITE_ID' );
		$missing    = $outcome['ok'] ? $this->parts['config']->missing() : array();
		if ( array() !== $missing ) {
			\WP_CLI::warning( sprintf( 'The backend did not tell everything: %s. Its operator sets PUBLIC_INGRESS_URL, or you set it here.', implode( ', ', $missing ) ) );
		}
		if ( $outcome['ok'] && array() === $missing ) {
			// So that the operator sees the new site at once.
			$this->parts['heartbeat']->send();
		}
		$this->end( $outcome, $options, sprintf( 'This site is connected as %s. `wp pressferry trip` tries the whole way.', $site_id ), array( 'site_id' => $site_id ) );
	}

	/**
	 * Takes back the enrolment: this site forgets its id, its key and its secret, and sends nothing. Its events are kept.
	 *
	 * ## OPTIONS
	 *
	 * [--yes]
	 * : Asks nothing.
	 *
	 * [--format=<format>]
	 * : json, or a sentence.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options yes, format.
	 */
	public function disconnect( $args, $options ): void {
		Options::is_json( $options );
		\WP_CLI::confirm( 'This site forgets its id, its key and its secret, and needs a new token to be connected again. Go on?', $options );
		$this->end( $this->parts['identity']->disconnect(), $options, ConnectWords::success( 'disconnected' ), array() );
	}

	/**
	 * Sends a test event and waits until its result is here. Ends with 1 when it does not come.
	 *
	 * ## OPTIONS
	 *
	 * [--format=<format>]
	 * : json, or a line for each step.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options format.
	 */
	public function trip( $args, $options ): void {
		Options::is_json( $options );
		$this->parts['trip']->start();
		do {
			$found = $this->parts['trip']->look();
		} while ( ! $found['over'] && 0 === sleep( 1 ) );
		if ( Options::is_json( $options ) ) {
			\WP_CLI::line( (string) wp_json_encode( $found ) );
		} else {
			foreach ( $found['steps'] as $step => $state ) {
				\WP_CLI::line( sprintf( '%s %s: %s', ConnectWords::mark( $state ), ConnectWords::step( $step ), ConnectWords::state( $state ) ) );
			}
			if ( '' !== $found['code'] ) {
				\WP_CLI::error( ConnectWords::failure( $found['code'], '' ) );
				return;
			}
		}
		\WP_CLI::halt( '' === $found['code'] ? 0 : 1 );
	}

	/**
	 * Fetches results that were not pushed. Ends with 1 when the backend cannot be asked.
	 *
	 * ## OPTIONS
	 *
	 * [--format=<format>]
	 * : json, or a sentence.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options format.
	 */
	public function poll( $args, $options ): void {
		Options::is_json( $options );
		$outcome = $this->parts['poll']->poll();
		$counts  = array_intersect_key( $outcome, array_flip( array( 'stored', 'known', 'others' ) ) );
		$this->end( $outcome, $options, sprintf( '%d result(s) stored; %d were here already; %d are of no event of this site.', ...array_values( $counts ) ), $counts );
	}

	/**
	 * Tells the backend how this site is, now.
	 *
	 * ## OPTIONS
	 *
	 * [--format=<format>]
	 * : json, or a sentence.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options format.
	 */
	public function heartbeat( $args, $options ): void {
		Options::is_json( $options );
		$reply   = $this->parts['heartbeat']->send();
		$outcome = array(
			'ok'     => $reply->ok(),
			'code'   => $reply->code,
			'detail' => $reply->detail,
		);
		$this->end( $outcome, $options, 'The backend knows how this site is.', $this->parts['heartbeat']->report() );
	}

	/**
	 * Says that this is the same site under another home URL.
	 *
	 * ## OPTIONS
	 *
	 * [--format=<format>]
	 * : json, or a sentence.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options format.
	 */
	public function moved( $args, $options ): void {
		Options::is_json( $options );
		$this->end( $this->parts['identity']->moved(), $options, ConnectWords::success( 'moved' ), array() );
	}

	/**
	 * Says that this is a copy: forgets the keys of the site that it was copied from, and the events that came with the copy.
	 *
	 * ## OPTIONS
	 *
	 * [--yes]
	 * : Asks nothing.
	 *
	 * @subcommand forget-original
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options yes.
	 */
	public function forget_original( $args, $options ): void {
		\WP_CLI::confirm( 'This site forgets its id, its key and its secret, and needs a token of its own. Go on?', $options );
		\WP_CLI::success( sprintf( '%s %d event(s) of the original were given up.', ConnectWords::success( 'forgotten' ), $this->parts['identity']->forget_original() ) );
	}

	/**
	 * @param array{ok: bool, code: string, detail: string} $outcome
	 * @param array<string, string>                         $options format.
	 * @param array<string, mixed>                          $more    For JSON.
	 */
	private function end( array $outcome, array $options, string $sentence, array $more ): void {
		if ( Options::is_json( $options ) ) {
			\WP_CLI::line( (string) wp_json_encode( $outcome + $more ) );
			\WP_CLI::halt( $outcome['ok'] ? 0 : 1 );
			return;
		}
		$outcome['ok'] ? \WP_CLI::success( $sentence ) : \WP_CLI::error( ConnectWords::failure( $outcome['code'], $outcome['detail'] ) );
	}
}
