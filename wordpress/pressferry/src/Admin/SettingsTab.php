<?php
/**
 * The settings: who the site is for its backend, and which sources report.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Config;
use Pressferry\Consumers\Consumers;
use Pressferry\Events\Sources;
use Pressferry\Http\Jwt;
use Pressferry\Secrets;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class SettingsTab implements Tab {

	const DELETE_OPTION = 'pressferry_delete_data';

	/** @var Config */
	private $config;

	/** @var Sources */
	private $sources;

	public function __construct( Config $config, Sources $sources ) {
		$this->config  = $config;
		$this->sources = $sources;
	}

	public function label(): string {
		return __( 'Settings', 'pressferry' );
	}

	public function render(): void {
		Screen::form( 'settings' );
		echo '<table class="form-table" role="presentation"><tbody>';
		foreach ( self::fields() as $name => $label ) {
			$this->field( $name, $label );
		}
		echo '</tbody></table><h2>' . esc_html__( 'Results', 'pressferry' ) . '</h2><p>';
		/* translators: %s: a URL. */
		echo esc_html( sprintf( __( 'Register this callback URL with the backend: %s', 'pressferry' ), rest_url( 'pressferry/v1/results' ) ) );
		echo '</p><h2>' . esc_html__( 'Sources', 'pressferry' ) . '</h2><fieldset><legend class="screen-reader-text">' . esc_html__( 'Sources', 'pressferry' ) . '</legend>';
		$off = $this->sources->off();
		foreach ( Sources::labels() as $id => $label ) {
			printf( '<p><label><input type="checkbox" name="sources[]" value="%s"%s%s> %s</label></p>', esc_attr( $id ), checked( ! in_array( $id, $off, true ), true, false ), disabled( $this->sources->is_locked( $id ), true, false ), esc_html( $label ) );
		}
		echo '</fieldset><h2>' . esc_html__( 'What is done with results', 'pressferry' ) . '</h2><fieldset><legend class="screen-reader-text">' . esc_html__( 'What is done with results', 'pressferry' ) . '</legend>';
		$on = Consumers::on();
		foreach ( Consumers::labels() as $id => $label ) {
			printf( '<p><label><input type="checkbox" name="consumers[]" value="%s"%s> %s</label></p>', esc_attr( $id ), checked( in_array( $id, $on, true ), true, false ), esc_html( $label ) );
		}
		echo '</fieldset><h2>' . esc_html__( 'Removing the plugin', 'pressferry' ) . '</h2><p><label><input type="checkbox" name="delete_data" value="1"' . checked( '1' === get_option( self::DELETE_OPTION ), true, false ) . '> ' . esc_html__( 'Delete all events, results and settings with the plugin', 'pressferry' ) . '</label></p>';
		submit_button();
		echo '</form>';
	}

	public function act( array $form ): string {
		$key = isset( $form['PRIVATE_KEY'] ) && is_string( $form['PRIVATE_KEY'] ) ? trim( $form['PRIVATE_KEY'] ) : '';
		if ( '' !== $key && ! Jwt::usable( $key ) ) {
			return 'key_unusable';
		}
		foreach ( array( 'INGRESS_URL', 'RESULTS_URL' ) as $name ) {
			$url = isset( $form[ $name ] ) && is_string( $form[ $name ] ) ? trim( $form[ $name ] ) : '';
			if ( '' !== $url && 0 !== strpos( $url, 'https://' ) && ! ( 0 === strpos( $url, 'http://' ) && $this->config->flag( 'INSECURE' ) ) ) {
				return 'url_wrong';
			}
		}
		foreach ( array_keys( self::fields() ) as $name ) {
			$value = isset( $form[ $name ] ) && is_string( $form[ $name ] ) ? trim( $form[ $name ] ) : '';
			// A secret is never shown: an empty field leaves it as it is.
			$keep = '' === $value && in_array( $name, Secrets::NAMES, true ) && empty( $form[ 'remove_' . $name ] );
			if ( ! $keep && '' === $this->config->locked( $name ) ) {
				$this->config->store( $name, 'PRIVATE_KEY' === $name ? $value : sanitize_text_field( $value ) );
			}
		}
		$this->sources->choose( array_filter( (array) ( $form['sources'] ?? array() ), 'is_string' ) );
		Consumers::switch_on( array_filter( (array) ( $form['consumers'] ?? array() ), 'is_string' ) );
		update_option( self::DELETE_OPTION, empty( $form['delete_data'] ) ? '0' : '1', false );
		return 'saved';
	}

	public function said( string $word ): string {
		$sentences = array(
			'saved'        => __( 'Saved. Send a test event to see whether the backend accepts them.', 'pressferry' ),
			'key_unusable' => __( 'Nothing was saved: this server cannot use the private key. It needs an RSA key in PEM form.', 'pressferry' ),
			'url_wrong'    => __( 'Nothing was saved: the URL must begin with https://.', 'pressferry' ),
		);
		return $sentences[ $word ] ?? '';
	}

	/**
	 * @return array<string, string>
	 */
	private static function fields(): array {
		return array(
			'INGRESS_URL'          => __( 'Backend\'s URL', 'pressferry' ),
			'RESULTS_URL'          => __( 'URL for results', 'pressferry' ),
			'SITE_ID'              => __( 'Site id', 'pressferry' ),
			'KID'                  => __( 'Key id', 'pressferry' ),
			'PRIVATE_KEY'          => __( 'Private key (PEM)', 'pressferry' ),
			'HMAC_SECRET'          => __( 'Secret', 'pressferry' ),
			'HMAC_SECRET_PREVIOUS' => __( 'Former secret, during a rotation', 'pressferry' ),
			'ISSUER'               => __( 'Issuer', 'pressferry' ),
			'AUDIENCE'             => __( 'Audience', 'pressferry' ),
		);
	}

	private function field( string $name, string $label ): void {
		$locked = '' !== $this->config->locked( $name );
		$secret = in_array( $name, Secrets::NAMES, true );
		$source = $this->config->source( $name );
		printf( '<tr><th scope="row"><label for="pressferry-%1$s">%2$s</label></th><td>', esc_attr( $name ), esc_html( $label ) );
		$is_set = ! in_array( $source, array( 'none', 'default' ), true );
		if ( 'PRIVATE_KEY' === $name ) {
			printf( '<textarea id="pressferry-%1$s" name="%1$s" rows="4" cols="60" autocomplete="off" spellcheck="false"%2$s></textarea>', esc_attr( $name ), disabled( $locked, true, false ) );
		} else {
			printf( '<input id="pressferry-%1$s" name="%1$s" type="%2$s" class="regular-text" autocomplete="off" value="%3$s" placeholder="%4$s"%5$s>', esc_attr( $name ), $secret ? 'password' : 'text', esc_attr( $secret || ! $is_set || $locked ? '' : $this->config->get( $name ) ), esc_attr( $secret ? '' : $this->config->get( $name ) ), disabled( $locked, true, false ) );
		}
		$labels = array(
			'environment' => __( 'from the environment', 'pressferry' ),
			'constant'    => __( 'from wp-config.php', 'pressferry' ),
			'network'     => __( 'set for the whole network', 'pressferry' ),
			'file'        => __( 'from a file', 'pressferry' ),
			'option'      => $secret ? __( 'stored, sealed; leave empty to keep it', 'pressferry' ) : __( 'stored', 'pressferry' ),
			'default'     => __( 'as by default', 'pressferry' ),
			'none'        => __( 'not set', 'pressferry' ),
		);
		printf( '<p class="description">%s</p>', esc_html( $labels[ $source ] ?? $source ) );
		if ( $secret && 'option' === $source ) {
			printf( '<label><input type="checkbox" name="remove_%s" value="1"> %s</label>', esc_attr( $name ), esc_html__( 'Remove it', 'pressferry' ) );
		}
		echo '</td></tr>';
	}
}
