<?php
/**
 * What works, what does not, and the buttons that try it.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Http\TestEvent;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Outbox;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class StatusTab implements Tab {

	const VERDICT = 'pressferry_test';

	/** @var Checks */
	private $checks;

	/** @var Outbox */
	private $outbox;

	/** @var Dispatcher */
	private $dispatcher;

	/** @var TestEvent */
	private $test;

	public function __construct( Checks $checks, Outbox $outbox, Dispatcher $dispatcher, TestEvent $test ) {
		$this->checks     = $checks;
		$this->outbox     = $outbox;
		$this->dispatcher = $dispatcher;
		$this->test       = $test;
	}

	public function label(): string {
		return __( 'Status', 'pressferry' );
	}

	public function render(): void {
		$marks = array(
			Checks::GOOD => __( 'good', 'pressferry' ),
			Checks::WARN => __( 'look at it', 'pressferry' ),
			Checks::BAD  => __( 'broken', 'pressferry' ),
		);
		echo '<table class="widefat striped" style="margin:1em 0;table-layout:fixed"><thead><tr><th scope="col" style="width:28%">' . esc_html__( 'Check', 'pressferry' ) . '</th><th scope="col" style="width:18%">' . esc_html__( 'State', 'pressferry' ) . '</th><th scope="col">' . esc_html__( 'What was found', 'pressferry' ) . '</th></tr></thead><tbody>';
		foreach ( $this->checks->run() as $name => $check ) {
			printf( '<tr><th scope="row">%s</th><td>%s</td><td>%s</td></tr>', esc_html( Checks::labels()[ $name ] ), esc_html( $marks[ $check['status'] ] ), esc_html( $check['text'] ) );
		}
		echo '</tbody></table><h2>' . esc_html__( 'Events', 'pressferry' ) . '</h2><ul>';
		foreach ( $this->outbox->summary()['counts'] as $status => $count ) {
			printf( '<li><a href="%s">%s</a>: %d</li>', esc_url( Screen::url( 'log', array( 'status' => $status ) ) ), esc_html( Remedies::status( $status ) ), (int) $count );
		}
		echo '</ul>';
		Screen::form( 'status' );
		submit_button( __( 'Send a test event', 'pressferry' ), 'primary', 'test', false );
		echo ' ';
		submit_button( __( 'Send what waits now', 'pressferry' ), 'secondary', 'dispatch', false );
		echo '</form>';
	}

	public function act( array $form ): string {
		if ( isset( $form['test'] ) ) {
			$verdict = $this->test->send();
			set_transient( self::VERDICT . '_' . get_current_user_id(), $verdict, HOUR_IN_SECONDS );
			return $verdict['ok'] ? 'tested' : 'test_failed';
		}
		$this->dispatcher->redrive();
		$this->dispatcher->dispatch();
		return 'dispatched';
	}

	public function said( string $word ): string {
		if ( 'dispatched' === $word ) {
			return __( 'What waited was tried; the log says what became of it.', 'pressferry' );
		}
		$verdict = in_array( $word, array( 'tested', 'test_failed' ), true ) ? get_transient( self::VERDICT . '_' . get_current_user_id() ) : false;
		return is_array( $verdict ) ? self::sentence( $verdict ) : '';
	}

	/**
	 * @param array<string, mixed> $verdict As TestEvent::send returned it.
	 */
	public static function sentence( array $verdict ): string {
		if ( 'accepted' === $verdict['code'] ) {
			/* translators: 1: a request id, 2: milliseconds. */
			return sprintf( __( 'The backend took the test event in %2$d ms, as request %1$s.', 'pressferry' ), $verdict['request_id'], $verdict['took_ms'] );
		}
		if ( $verdict['ok'] ) {
			/* translators: %d: milliseconds. */
			return sprintf( __( 'It works: the backend knows this site, and verified signature, token and clock in %d ms. It knows no events of the test\'s type, so that nothing was set going.', 'pressferry' ), $verdict['took_ms'] );
		}
		/* translators: 1: a sentence, 2: a code, 3: an HTTP status. */
		return sprintf( __( 'The test event was not taken. %1$s (%2$s, status %3$d)', 'pressferry' ), Remedies::of( $verdict['code'] ), $verdict['code'], $verdict['status'] );
	}
}
