<?php
/**
 * The plugin's screen under Settings: status, settings, the log of deliveries.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Screen {

	const PAGE       = 'pressferry';
	const CAPABILITY = 'manage_options';

	// The words of `Tab::act` for what did not work.
	const FAILURES = array( 'failed', 'test_failed', 'key_unusable', 'url_wrong', 'nothing' );

	/** @var array<string, Tab> */
	private $tabs;

	/**
	 * @param array<string, Tab> $tabs By id; the first one opens.
	 */
	public function __construct( array $tabs ) {
		$this->tabs = $tabs;
	}

	public function add(): void {
		add_options_page( 'Pressferry', 'Pressferry', self::CAPABILITY, self::PAGE, array( $this, 'render' ) );
	}

	/**
	 * @param string[] $links
	 * @return string[]
	 */
	public static function links( $links ) {
		return array_merge( array( sprintf( '<a href="%s">%s</a>', esc_url( self::url() ), esc_html__( 'Settings', 'pressferry' ) ) ), (array) $links );
	}

	/**
	 * A page that is loaded again does not say once more what became of a form.
	 *
	 * @param string[] $arguments
	 * @return string[]
	 */
	public static function removable( $arguments ) {
		// phpcs:ignore WordPress.Security.NonceVerification -- it only chooses what the address bar shows.
		return self::PAGE === ( $_GET['page'] ?? '' ) ? array_merge( (array) $arguments, array( 'said' ) ) : $arguments;
	}

	/**
	 * The screen's URL, at a tab.
	 *
	 * @param array<string, string|int> $more Further parameters.
	 */
	public static function url( string $tab = '', array $more = array() ): string {
		return add_query_arg(
			array_filter(
				array(
					'page' => self::PAGE,
					'tab'  => $tab,
				)
			) + $more,
			admin_url( 'options-general.php' )
		);
	}

	public function render(): void {
		if ( ! current_user_can( self::CAPABILITY ) ) {
			return;
		}
		// phpcs:disable WordPress.Security.NonceVerification -- what is read here only chooses what is shown.
		$open = isset( $_GET['tab'] ) && is_string( $_GET['tab'] ) ? sanitize_key( $_GET['tab'] ) : '';
		$said = isset( $_GET['said'] ) && is_string( $_GET['said'] ) ? sanitize_key( $_GET['said'] ) : '';
		// phpcs:enable
		$open = isset( $this->tabs[ $open ] ) ? $open : (string) array_key_first( $this->tabs );
		echo '<div class="wrap"><h1>Pressferry</h1><nav class="nav-tab-wrapper" aria-label="' . esc_attr__( 'Pressferry', 'pressferry' ) . '">';
		foreach ( $this->tabs as $id => $tab ) {
			printf( '<a href="%s" class="nav-tab%s"%s>%s</a>', esc_url( self::url( $id ) ), $id === $open ? ' nav-tab-active' : '', $id === $open ? ' aria-current="page"' : '', esc_html( $tab->label() ) );
		}
		echo '</nav>';
		$text = '' === $said ? '' : $this->tabs[ $open ]->said( $said );
		if ( '' !== $text ) {
			$failed = in_array( $said, self::FAILURES, true );
			printf( '<div class="notice notice-%s is-dismissible" role="%s"><p>%s</p></div>', $failed ? 'error' : 'success', $failed ? 'alert' : 'status', esc_html( $text ) );
		}
		$this->tabs[ $open ]->render();
		echo '</div>';
	}

	/**
	 * Does what a form of a tab asks for, and goes back to the tab.
	 */
	public function act(): void {
		$tab = isset( $_POST['tab'] ) && is_string( $_POST['tab'] ) ? sanitize_key( $_POST['tab'] ) : '';
		if ( ! isset( $this->tabs[ $tab ] ) || ! current_user_can( self::CAPABILITY ) ) {
			wp_die( esc_html__( 'You may not do this.', 'pressferry' ), '', array( 'response' => 403 ) );
		}
		check_admin_referer( 'pressferry-' . $tab );
		$said = $this->tabs[ $tab ]->act( wp_unslash( $_POST ) );
		wp_safe_redirect( self::url( $tab, array( 'said' => $said ) ) );
		exit;
	}

	/**
	 * Opens a form of a tab: its nonce and where it goes.
	 */
	public static function form( string $tab ): void {
		printf( '<form method="post" action="%s"><input type="hidden" name="action" value="pressferry"><input type="hidden" name="tab" value="%s">', esc_url( admin_url( 'admin-post.php' ) ), esc_attr( $tab ) );
		// Not by wp_nonce_field, which gives each of several forms the same id.
		printf( '<input type="hidden" name="_wpnonce" value="%s">', esc_attr( wp_create_nonce( 'pressferry-' . $tab ) ) );
	}
}
