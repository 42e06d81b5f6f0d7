<?php
/**
 * Tells those who can act that events are not recorded or not sent.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Notice {

	const CAPABILITY = 'manage_options';

	/** @var Trouble */
	private $trouble;

	public function __construct( Trouble $trouble ) {
		$this->trouble = $trouble;
	}

	public function render(): void {
		if ( ! current_user_can( self::CAPABILITY ) ) {
			return;
		}
		$faults = $this->trouble->of_writing();
		if ( array() !== $faults ) {
			printf( '<div class="notice notice-error"><p><strong>Pressferry</strong>: %s</p></div>', esc_html( implode( ' ', $faults ) ) );
		}
	}
}
