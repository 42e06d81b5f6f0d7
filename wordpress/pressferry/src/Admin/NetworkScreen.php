<?php
/**
 * The network's screen under its Settings: which backend all sites use, connecting many of them at once, and how each one is.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Backend\Invitation;
use Pressferry\Backend\NetworkEnrolment;
use Pressferry\Clock;
use Pressferry\Config;
use Pressferry\NetworkSettings;
use Pressferry\NetworkSites;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class NetworkScreen {

	const PAGE       = 'pressferry-network';
	const ACTION     = 'pressferry_network';
	const CAPABILITY = 'manage_network_options';
	const OUTCOME    = 'pressferry_network_outcome';

	// So long one request enrols sites: well within what a proxy waits.
	const STEP_MS = 8000;

	/** @var Config */
	private $config;

	/** @var NetworkSites */
	private $sites;

	/** @var NetworkEnrolment */
	private $enrolment;

	/** @var Clock */
	private $clock;

	/**
	 * @param array{config: Config, sites: NetworkSites, enrolment: NetworkEnrolment, clock: Clock} $parts
	 */
	public function __construct( array $parts ) {
		$this->config    = $parts['config'];
		$this->sites     = $parts['sites'];
		$this->enrolment = $parts['enrolment'];
		$this->clock     = $parts['clock'];
	}

	public function add(): void {
		add_submenu_page( 'settings.php', 'Pressferry', 'Pressferry', self::CAPABILITY, self::PAGE, array( $this, 'render' ) );
	}

	/**
	 * @param array<string, string|int> $more Further parameters.
	 */
	public static function url( array $more = array() ): string {
		return add_query_arg( array( 'page' => self::PAGE ) + $more, network_admin_url( 'settings.php' ) );
	}

	public function render(): void {
		if ( ! current_user_can( self::CAPABILITY ) ) {
			return;
		}
		echo '<div class="wrap"><h1>Pressferry</h1>';
		$this->render_outcome();
		$this->render_settings();
		echo '<h2>' . esc_html__( 'Sites', 'pressferry' ) . '</h2>';
		$table = new NetworkTable( $this->sites );
		$table->prepare_items();
		printf( '<form method="post" id="pressferry-network-enrolment" action="%s">', esc_url( self::target() ) );
		wp_nonce_field( self::ACTION );
		$table->display();
		$this->render_enrolment();
		echo '</form></div>';
	}

	/**
	 * Does what a form of the screen asks for, and goes back.
	 */
	public function act(): void {
		if ( ! current_user_can( self::CAPABILITY ) ) {
			wp_die( esc_html__( 'You may not do this.', 'pressferry' ), '', array( 'response' => 403 ) );
		}
		check_admin_referer( self::ACTION );
		$form = wp_unslash( $_POST );
		$said = isset( $form['save'] ) ? $this->save( $form ) : $this->enrol( $form );
		wp_safe_redirect( self::url( array( 'said' => $said ) ) );
		exit;
	}

	/**
	 * Answers the screen's script: enrols a few sites, and names the sites and tokens that are left.
	 */
	public function answer(): void {
		if ( ! check_ajax_referer( self::ACTION, false, false ) || ! current_user_can( self::CAPABILITY ) ) {
			wp_die( '', '', array( 'response' => 403 ) );
		}
		wp_send_json( $this->step( wp_unslash( $_POST ) ) );
	}

	/**
	 * @param array<string, mixed> $form tokens, enrol_url; blogs: numbers, with commas between, or `all` after a site.
	 * @return array{sites: array<int, array{url: string, ok: bool, text: string}>, tokens: string[], blogs: int[], after: int, more: bool, text: string}
	 */
	private function step( array $form ): array {
		$text  = static function ( string $name ) use ( $form ): string {
			return isset( $form[ $name ] ) && is_string( $form[ $name ] ) ? $form[ $name ] : '';
		};
		$after = (int) $text( 'after' );
		$blogs = 'all' === $text( 'blogs' ) ? $this->sites->unconnected( $after ) : wp_parse_id_list( $text( 'blogs' ) );
		$done  = $this->enrolment->run( $blogs, Invitation::many( $text( 'tokens' ) ), esc_url_raw( trim( $text( 'enrol_url' ) ) ), $this->clock->now_ms() + self::STEP_MS );
		$sites = array();
		foreach ( $done['sites'] as $blog => $outcome ) {
			$sites[] = array(
				'url'  => $this->sites->look( $blog, false )['url'],
				'ok'   => $outcome['ok'],
				'text' => $outcome['ok'] ? NetworkTable::state( 'connected' ) : ConnectWords::failure( $outcome['code'], $outcome['detail'] ),
			);
		}
		return array(
			'sites'  => $sites,
			'tokens' => $done['tokens'],
			'blogs'  => $done['blogs'],
			'after'  => array() === $done['sites'] ? $after : (int) max( array_keys( $done['sites'] ) ),
			'more'   => null === $done['stopped'] && array() !== $done['blogs'] && array() !== $done['tokens'],
			'text'   => self::summary( $done ),
		);
	}

	/**
	 * @param array<string, mixed> $done As the enrolment returned it.
	 */
	private static function summary( array $done ): string {
		/* translators: 1: number of sites, 2: number of tokens. */
		$text = sprintf( __( 'Sites that are still to be connected: %1$d. Tokens that are left: %2$d.', 'pressferry' ), count( $done['blogs'] ), count( $done['tokens'] ) );
		if ( $done['unusable'] > 0 ) {
			/* translators: %d: number of tokens. */
			$text .= ' ' . sprintf( __( 'Tokens that were unknown, expired or used already: %d.', 'pressferry' ), $done['unusable'] );
		}
		return null === $done['stopped'] ? $text : $text . ' ' . ConnectWords::failure( $done['stopped']['code'], $done['stopped']['detail'] );
	}

	/**
	 * What one request can do, for a browser without script.
	 *
	 * @param array<string, mixed> $form
	 */
	private function enrol( array $form ): string {
		$chosen = isset( $form['blogs'] ) && is_array( $form['blogs'] ) ? implode( ',', array_filter( $form['blogs'], 'is_string' ) ) : '';
		$done   = $this->step( array( 'blogs' => isset( $form['enrol_all'] ) ? 'all' : $chosen ) + $form );
		unset( $done['tokens'] );
		set_site_transient( self::OUTCOME . '_' . get_current_user_id(), $done, HOUR_IN_SECONDS );
		return 'enrolled';
	}

	/**
	 * @param array<string, mixed> $form
	 */
	private function save( array $form ): string {
		$values = array();
		foreach ( Config::OF_THE_NETWORK as $name ) {
			$given = isset( $form[ $name ] ) && is_string( $form[ $name ] ) ? esc_url_raw( trim( $form[ $name ] ) ) : '';
			if ( '' !== $given && 0 !== strpos( $given, 'https://' ) && ! $this->config->flag( 'INSECURE' ) ) {
				return 'url_wrong';
			}
			$values[ $name ] = untrailingslashit( $given );
		}
		foreach ( $values as $name => $value ) {
			if ( ! in_array( NetworkSettings::find( $name )[1], array( 'environment', 'constant' ), true ) ) {
				NetworkSettings::store( $name, $value );
			}
		}
		return 'saved';
	}

	private function render_outcome(): void {
		// phpcs:ignore WordPress.Security.NonceVerification -- it only chooses the text.
		$said = isset( $_GET['said'] ) && is_string( $_GET['said'] ) ? sanitize_key( $_GET['said'] ) : '';
		$done = 'enrolled' === $said ? get_site_transient( self::OUTCOME . '_' . get_current_user_id() ) : false;
		$text = array(
			'saved'     => __( 'Saved.', 'pressferry' ),
			'url_wrong' => __( 'Nothing was saved: the URL must begin with https://.', 'pressferry' ),
			'enrolled'  => is_array( $done ) ? $done['text'] : '',
		)[ $said ] ?? '';
		if ( '' === $text ) {
			return;
		}
		printf( '<div class="notice notice-info is-dismissible" role="status"><p>%s</p><ul>', esc_html( $text ) );
		foreach ( is_array( $done ) ? $done['sites'] : array() as $site ) {
			printf( '<li>%s <bdi>%s</bdi>: %s</li>', $site['ok'] ? '✓' : '✗', esc_html( $site['url'] ), esc_html( $site['text'] ) );
		}
		echo '</ul></div>';
	}

	private function render_settings(): void {
		$labels = array(
			'INGRESS_URL' => __( 'Backend\'s URL', 'pressferry' ),
			'RESULTS_URL' => __( 'URL for results', 'pressferry' ),
		);
		echo '<h2>' . esc_html__( 'Backend of all sites', 'pressferry' ) . '</h2><p>' . esc_html__( 'These settings hold for every site of the network and are locked on its screen. Leave them empty if enrolment sets them.', 'pressferry' ) . '</p>';
		printf( '<form method="post" action="%s"><table class="form-table" role="presentation"><tbody>', esc_url( self::target() ) );
		wp_nonce_field( self::ACTION );
		foreach ( $labels as $name => $label ) {
			list( $value, $source ) = NetworkSettings::find( $name );

			$locked = in_array( $source, array( 'environment', 'constant' ), true );
			$from   = array(
				'environment' => __( 'from the environment', 'pressferry' ),
				'constant'    => __( 'from wp-config.php', 'pressferry' ),
				'network'     => __( 'stored', 'pressferry' ),
			)[ $source ] ?? __( 'not set', 'pressferry' );
			printf( '<tr><th scope="row"><label for="pressferry-%1$s">%2$s</label></th><td><input id="pressferry-%1$s" name="%1$s" type="url" class="regular-text code" autocomplete="off" value="%3$s"%4$s><p class="description">%5$s</p></td></tr>', esc_attr( $name ), esc_html( $label ), esc_attr( $value ), disabled( $locked, true, false ), esc_html( $from ) );
		}
		echo '</tbody></table>';
		submit_button( __( 'Save', 'pressferry' ), 'secondary', 'save' );
		echo '</form>';
	}

	private function render_enrolment(): void {
		$settings = array(
			'action' => self::ACTION,
			'nonce'  => wp_create_nonce( self::ACTION ),
			'begun'  => __( 'Connecting…', 'pressferry' ),
			'broken' => __( 'The last request failed. Connected sites stay so; the tokens in the field are those that are left.', 'pressferry' ),
		);
		LiveBox::enqueue( 'network-enrolment', 'pressferryNetwork', $settings );
		echo '<h2>' . esc_html__( 'Connect sites', 'pressferry' ) . '</h2><p>' . esc_html__( 'Each site needs its own token and makes its own key. Paste as many tokens as sites, one in each line.', 'pressferry' ) . '</p><table class="form-table" role="presentation"><tbody>';
		echo '<tr><th scope="row"><label for="pressferry-tokens">' . esc_html__( 'Tokens', 'pressferry' ) . '</label></th><td><textarea id="pressferry-tokens" name="tokens" rows="6" class="large-text code" autocomplete="off" spellcheck="false"></textarea></td></tr>';
		printf( '<tr><th scope="row"><label for="pressferry-enrol-url">%s</label></th><td><input id="pressferry-enrol-url" name="enrol_url" type="url" class="regular-text code" autocomplete="off" placeholder="https://" value="%s" aria-describedby="pressferry-enrol-url-help"><p class="description" id="pressferry-enrol-url-help">%s</p></td></tr></tbody></table>', esc_html__( 'URL', 'pressferry' ), esc_attr( NetworkSettings::find( 'RESULTS_URL' )[0] ), esc_html__( 'Leave it empty if it is part of what you pasted.', 'pressferry' ) );
		submit_button( __( 'Connect all sites that are not connected', 'pressferry' ), 'primary', 'enrol_all', false );
		echo ' ';
		submit_button( __( 'Connect the chosen sites', 'pressferry' ), 'secondary', 'enrol_chosen', false );
		echo '<p id="pressferry-network-progress" role="status" aria-live="polite"></p><ul id="pressferry-network-outcomes"></ul>';
	}

	private static function target(): string {
		return add_query_arg( 'action', self::ACTION, network_admin_url( 'edit.php' ) );
	}
}
