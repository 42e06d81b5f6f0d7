<?php
/**
 * `wp pressferry keys`.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Cli;

use Pressferry\Admin\ConnectWords;
use Pressferry\Backend\Identity;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * Replaces this site's key and secret.
 */
final class KeysCommand {

	/** @var Identity */
	private $identity;

	public function __construct( Identity $identity ) {
		$this->identity = $identity;
	}

	/**
	 * Replaces the key and the secret, signed by the present ones; the former ones stay valid for a day. Ends with 1 when it fails.
	 *
	 * ## OPTIONS
	 *
	 * [--only=<which>]
	 * : key or secret.
	 *
	 * [--format=<format>]
	 * : json, or a sentence.
	 *
	 * @param string[]              $args    None.
	 * @param array<string, string> $options only, format.
	 */
	public function rotate( $args, $options ): void {
		$only    = (string) ( $options['only'] ?? '' );
		$as_json = Options::is_json( $options );
		if ( ! in_array( $only, array( '', 'key', 'secret' ), true ) ) {
			\WP_CLI::error( '--only is key or secret.' );
			return;
		}
		$outcome = $this->identity->rotate( 'secret' !== $only, 'key' !== $only );
		if ( $as_json ) {
			Options::print_json( $outcome );
			\WP_CLI::halt( $outcome['ok'] ? 0 : 1 );
			return;
		}
		$done = '' === $only ? ConnectWords::success( 'rotated' ) : sprintf( 'The site has a new %s. The former one stays valid for a day.', $only );
		$outcome['ok'] ? \WP_CLI::success( $done ) : \WP_CLI::error( ConnectWords::failure( $outcome['code'], $outcome['detail'] ) );
	}
}
