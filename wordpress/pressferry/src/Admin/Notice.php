<?php
/**
 * Tells those who can act that events are not recorded or not sent.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Config;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Notice {

	const CAPABILITY = 'manage_options';

	/** @var Trouble */
	private $trouble;

	/** @var Config */
	private $config;

	public function __construct( Trouble $trouble, Config $config ) {
		$this->trouble = $trouble;
		$this->config  = $config;
	}

	public function render(): void {
		if ( ! current_user_can( self::CAPABILITY ) ) {
			return;
		}
		$faults = $this->trouble->of_writing();
		if ( array() !== $faults ) {
			printf( '<div class="notice notice-error"><p><strong>Pressferry</strong>: %s</p></div>', esc_html( implode( ' ', $faults ) ) );
		}
		$this->render_connection();
	}

	/**
	 * On the screens on which WordPress itself tells what needs a person.
	 *
	 * @param \WP_Screen|null $screen
	 */
	private function render_sending( $screen ): void {
		$text = null !== $screen && in_array( $screen->id, array( 'plugins', 'dashboard' ), true ) ? $this->trouble->lasting() : '';
		if ( '' !== $text ) {
			printf( '<div class="notice notice-warning"><p><strong>Pressferry</strong>: %s <a href="%s">%s</a></p></div>', esc_html( $text ), esc_url( Screen::url( 'log' ) ), esc_html__( 'Log', 'pressferry' ) );
		}
	}

	/**
	 * Says what is to be done first; on the plugin's own screen the tab says it.
	 */
	private function render_connection(): void {
		$screen = function_exists( 'get_current_screen' ) ? get_current_screen() : null;
		if ( null !== $screen && 'settings_page_' . Screen::PAGE === $screen->id ) {
			return;
		}
		if ( '' !== $this->config->copy_of() ) {
			$class = 'notice-error';
			$text  = __( 'This site\'s address is not the one under which it was connected: it sends nothing until you say whether it moved or is a copy.', 'pressferry' );
			$label = __( 'Decide', 'pressferry' );
		} elseif ( null !== $screen && in_array( $screen->id, array( 'plugins', 'dashboard' ), true ) && array() !== $this->config->missing() ) {
			$class = 'notice-info';
			$text  = __( 'This site is not connected to a backend: events are kept, and none is sent.', 'pressferry' );
			$label = __( 'Connect this site', 'pressferry' );
		} else {
			$this->render_sending( $screen );
			return;
		}
		printf( '<div class="notice %s"><p><strong>Pressferry</strong>: %s <a href="%s">%s</a></p></div>', esc_attr( $class ), esc_html( $text ), esc_url( Screen::url( 'connect' ) ), esc_html( $label ) );
	}
}
