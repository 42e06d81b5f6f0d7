<?php
/**
 * Connecting this site to its backend: enrolment, the test event's way, rotation, and what to do about a copy.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Backend\Heartbeat;
use Pressferry\Backend\Identity;
use Pressferry\Backend\Invitation;
use Pressferry\Backend\RoundTrip;
use Pressferry\Config;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class ConnectTab implements Tab {

	const AJAX    = 'pressferry_round_trip';
	const OUTCOME = 'pressferry_connect';

	/** @var Config */
	private $config;

	/** @var Identity */
	private $identity;

	/** @var RoundTrip */
	private $trip;

	/** @var Heartbeat */
	private $heartbeat;

	/**
	 * @param array{config: Config, identity: Identity, trip: RoundTrip, heartbeat: Heartbeat} $parts
	 */
	public function __construct( array $parts ) {
		$this->config    = $parts['config'];
		$this->identity  = $parts['identity'];
		$this->trip      = $parts['trip'];
		$this->heartbeat = $parts['heartbeat'];
	}

	public function label(): string {
		return __( 'Connection', 'pressferry' );
	}

	public function render(): void {
		if ( '' !== $this->config->copy_of() ) {
			$this->render_copy();
			return;
		}
		if ( array() !== $this->config->missing() ) {
			echo '<h2>' . esc_html__( 'Connect this site', 'pressferry' ) . '</h2><p>' . esc_html__( 'Paste what your agency or operator gave you. The site makes its own key; the private half never leaves it.', 'pressferry' ) . '</p>';
			$this->render_form();
			return;
		}
		$this->render_connected();
	}

	public function act( array $form ): string {
		$text = static function ( string $name ) use ( $form ): string {
			return isset( $form[ $name ] ) && is_string( $form[ $name ] ) ? sanitize_text_field( $form[ $name ] ) : '';
		};
		if ( isset( $form['test'] ) ) {
			$this->trip->start();
			return 'testing';
		}
		if ( isset( $form['copy'] ) ) {
			$this->identity->forget_original();
			return 'forgotten';
		}
		if ( isset( $form['disconnect'] ) ) {
			return $this->told( $this->identity->disconnect(), 'disconnected' );
		}
		if ( isset( $form['moved'] ) ) {
			return $this->told( $this->identity->moved(), 'moved' );
		}
		if ( isset( $form['rotate'] ) ) {
			return $this->told( $this->identity->rotate( true, true ), 'rotated' );
		}
		$outcome = $this->identity->enrol( Invitation::read( $text( 'invitation' ), $text( 'url' ), $this->config->flag( 'INSECURE' ) ) );
		if ( $outcome['ok'] && array() === $this->config->missing() ) {
			$this->trip->start();
			// So that the operator sees the new site at once.
			$this->heartbeat->send();
		}
		return $this->told( $outcome, 'enrolled' );
	}

	public function said( string $word ): string {
		if ( 'failed' === $word ) {
			$outcome = get_transient( self::OUTCOME . '_' . get_current_user_id() );
			return is_array( $outcome ) ? ConnectWords::failure( (string) $outcome['code'], (string) $outcome['detail'] ) : '';
		}
		return ConnectWords::success( $word );
	}

	/**
	 * Answers the screen that asks how far the test event has come.
	 */
	public function answer(): void {
		if ( ! check_ajax_referer( self::AJAX, false, false ) || ! current_user_can( Screen::CAPABILITY ) ) {
			wp_die( '', '', array( 'response' => 403 ) );
		}
		$this->render_steps();
		wp_die();
	}

	/**
	 * @param array{ok: bool, code: string, detail: string} $outcome
	 */
	private function told( array $outcome, string $word ): string {
		if ( $outcome['ok'] ) {
			return $word;
		}
		set_transient( self::OUTCOME . '_' . get_current_user_id(), $outcome, HOUR_IN_SECONDS );
		return 'failed';
	}

	private function render_form(): void {
		Screen::form( 'connect' );
		echo '<table class="form-table" role="presentation"><tbody><tr><th scope="row"><label for="pressferry-invitation">' . esc_html__( 'Token', 'pressferry' ) . '</label></th><td>';
		echo '<input id="pressferry-invitation" name="invitation" type="password" class="large-text code" autocomplete="off" spellcheck="false" required aria-describedby="pressferry-invitation-help"><p class="description" id="pressferry-invitation-help">' . esc_html__( 'It begins with pfe1_ and is good once. The URL may follow it after an @.', 'pressferry' ) . '</p></td></tr>';
		echo '<tr><th scope="row"><label for="pressferry-url">' . esc_html__( 'URL', 'pressferry' ) . '</label></th><td><input id="pressferry-url" name="url" type="url" class="regular-text code" autocomplete="off" placeholder="https://" aria-describedby="pressferry-url-help"><p class="description" id="pressferry-url-help">' . esc_html__( 'Leave it empty if it is part of what you pasted.', 'pressferry' ) . '</p></td></tr></tbody></table>';
		submit_button( __( 'Connect this site', 'pressferry' ), 'primary', 'enrol' );
		echo '</form>';
	}

	private function render_connected(): void {
		$made_at = (int) $this->config->get( 'KEY_MADE_AT' );
		$facts   = array(
			__( 'Site id', 'pressferry' )        => $this->config->get( 'SITE_ID' ),
			__( 'Backend\'s URL', 'pressferry' ) => $this->config->get( 'INGRESS_URL' ),
			__( 'Results from', 'pressferry' )   => $this->config->get( 'RESULTS_URL' ),
			__( 'Key id', 'pressferry' )         => $this->config->get( 'KID' ),
			/* translators: %s: a duration, as "3 days". */
			__( 'Key', 'pressferry' )            => $made_at > 0 ? sprintf( __( 'made %s ago', 'pressferry' ), human_time_diff( $made_at ) ) : '',
		);
		echo '<h2>' . esc_html__( 'This site is connected', 'pressferry' ) . '</h2><table class="widefat striped" style="max-width:50em"><tbody>';
		foreach ( array_filter( $facts ) as $name => $value ) {
			printf( '<tr><th scope="row">%s</th><td><bdi>%s</bdi></td></tr>', esc_html( $name ), esc_html( $value ) );
		}
		echo '</tbody></table><h2>' . esc_html__( 'Test event', 'pressferry' ) . '</h2>';
		$this->render_trip();
		Screen::form( 'connect' );
		submit_button( __( 'Send a test event', 'pressferry' ), 'primary', 'test', false );
		echo '</form><h2>' . esc_html__( 'Key and secret', 'pressferry' ) . '</h2><p>' . esc_html__( 'Both are replaced; the former ones stay valid for a day, so that nothing on its way is refused.', 'pressferry' ) . '</p>';
		Screen::form( 'connect' );
		submit_button( __( 'Replace key and secret', 'pressferry' ), 'secondary', 'rotate', false );
		echo '</form><details style="margin-top:1em"><summary>' . esc_html__( 'Connect this site again', 'pressferry' ) . '</summary><p>' . esc_html__( 'With a token that was made for this site, after its keys were lost for example.', 'pressferry' ) . '</p>';
		$this->render_form();
		echo '</details><details style="margin-top:1em"><summary>' . esc_html__( 'Disconnect this site', 'pressferry' ) . '</summary><p>' . esc_html__( 'The site forgets its id, its key and its secret, and sends nothing. Its events are kept. To connect it again it needs a new token.', 'pressferry' ) . '</p>';
		Screen::form( 'connect' );
		submit_button( __( 'Disconnect this site', 'pressferry' ), 'delete', 'disconnect', false );
		echo '</form></details>';
	}

	private function render_trip(): void {
		$settings = array(
			'action' => self::AJAX,
			'nonce'  => wp_create_nonce( self::AJAX ),
		);
		LiveBox::enqueue( 'round-trip', 'pressferryRoundTrip', $settings );
		echo '<div id="pressferry-round-trip" aria-live="polite">';
		$this->render_steps();
		echo '</div>';
	}

	private function render_steps(): void {
		$found = $this->trip->look();
		if ( array( 'waiting', 'not_reached' ) === array( $found['steps']['sent'], $found['steps']['accepted'] ) ) {
			echo '<p>' . esc_html__( 'None was sent so far.', 'pressferry' ) . '</p>';
			return;
		}
		printf( '<ol class="pressferry-steps" data-over="%s">', $found['over'] ? '1' : '0' );
		foreach ( $found['steps'] as $step => $state ) {
			printf( '<li data-step="%1$s" data-state="%2$s">%3$s %4$s: <strong>%5$s</strong>', esc_attr( $step ), esc_attr( $state ), esc_html( ConnectWords::mark( $state ) ), esc_html( ConnectWords::step( $step ) ), esc_html( ConnectWords::state( $state ) ) );
			if ( 'failed' === $state ) {
				echo '<br>' . esc_html( ConnectWords::failure( $found['code'], '' ) );
			}
			echo '</li>';
		}
		echo '</ol>';
		if ( '' !== $found['by'] ) {
			/* translators: %s: seconds. */
			$text = 'push' === $found['by'] ? __( 'The backend pushed the result to this site, %s s after the event was sent.', 'pressferry' ) : __( 'The result was fetched, %s s after the event was sent: no push has arrived. Results are fetched every few minutes; they come at once when the backend can reach this site from outside.', 'pressferry' );
			echo '<p>' . esc_html( sprintf( $text, number_format_i18n( $found['took_ms'] / 1000, 1 ) ) ) . '</p>';
		}
	}

	private function render_copy(): void {
		echo '<div class="notice notice-error inline"><p><strong>' . esc_html__( 'This site sends nothing.', 'pressferry' ) . '</strong> ';
		/* translators: 1: a URL, 2: a URL. */
		echo esc_html( sprintf( __( 'It was connected as %1$s, and its address is now %2$s. Two sites with the same keys would answer for each other, so you must say which it is. Until then events are kept.', 'pressferry' ), $this->config->copy_of(), Config::home() ) ) . '</p></div>';
		Screen::form( 'connect' );
		echo '<h3>' . esc_html__( 'This is the same site, moved', 'pressferry' ) . '</h3><p>' . esc_html__( 'The former address is not in use any more. The backend is told of the new one.', 'pressferry' ) . '</p>';
		submit_button( __( 'The site has moved here', 'pressferry' ), 'secondary', 'moved', false );
		echo '<h3>' . esc_html__( 'This is a copy', 'pressferry' ) . '</h3><p>' . esc_html__( 'A staging site, say. It forgets the keys of the site that it was copied from, and the events that came with the copy. You can then connect it with a token of its own.', 'pressferry' ) . '</p>';
		submit_button( __( 'This is a copy: forget the keys', 'pressferry' ), 'secondary', 'copy', false );
		echo '</form>';
	}
}
