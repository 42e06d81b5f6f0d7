<?php
/**
 * The log of deliveries: every event, what became of it, and sending it again.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Callback\Inbox;
use Pressferry\Outbox\Dispatcher;
use Pressferry\Outbox\Log;
use Pressferry\State\Breaker;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class LogTab implements Tab {

	/** @var Log */
	private $log;

	/** @var Dispatcher */
	private $dispatcher;

	/** @var Inbox */
	private $inbox;

	/** @var ResultsBox */
	private $results;

	public function __construct( Log $log, Dispatcher $dispatcher, Inbox $inbox, ResultsBox $results ) {
		$this->log        = $log;
		$this->dispatcher = $dispatcher;
		$this->inbox      = $inbox;
		$this->results    = $results;
	}

	public function label(): string {
		return __( 'Log', 'pressferry' );
	}

	public function render(): void {
		// phpcs:ignore WordPress.Security.NonceVerification -- it only chooses what is shown.
		$key = isset( $_GET['results'] ) && is_string( $_GET['results'] ) ? sanitize_text_field( wp_unslash( $_GET['results'] ) ) : '';
		if ( '' !== $key ) {
			$this->render_results( $key );
			return;
		}
		$filter = array();
		foreach ( array(
			'status'     => 'status',
			'event_type' => 'event_type',
			'search'     => 's',
		) as $name => $parameter ) {
			// phpcs:ignore WordPress.Security.NonceVerification -- it only chooses what is shown.
			$filter[ $name ] = isset( $_GET[ $parameter ] ) && is_string( $_GET[ $parameter ] ) ? sanitize_text_field( wp_unslash( $_GET[ $parameter ] ) ) : '';
		}
		$table = new LogTable( $this->log, $this->inbox, $filter );
		$table->prepare_items();
		$table->views();
		printf( '<form method="get" action="%s"><input type="hidden" name="page" value="%s"><input type="hidden" name="tab" value="log">', esc_url( admin_url( 'options-general.php' ) ), esc_attr( Screen::PAGE ) );
		echo '<label for="pressferry-type" class="screen-reader-text">' . esc_html__( 'Event type', 'pressferry' ) . '</label><select id="pressferry-type" name="event_type"><option value="">' . esc_html__( 'All types', 'pressferry' ) . '</option>';
		foreach ( $this->log->types() as $type ) {
			printf( '<option value="%1$s"%2$s>%1$s</option>', esc_attr( $type ), selected( $type, $filter['event_type'], false ) );
		}
		echo '</select> ';
		$table->search_box( __( 'Find a key, a request or an object', 'pressferry' ), 'pressferry' );
		echo '</form>';
		Screen::form( 'log' );
		$table->display();
		echo '</form>';
	}

	private function render_results( string $key ): void {
		printf( '<p><a href="%s">%s</a></p>', esc_url( Screen::url( 'log' ) ), esc_html__( 'Back to the log', 'pressferry' ) );
		$event = $this->log->find( array( 'search' => $key ) )[0] ?? null;
		if ( null === $event ) {
			echo '<p>' . esc_html__( 'There is no such event.', 'pressferry' ) . '</p>';
			return;
		}
		printf( '<h2><bdi>%s</bdi> · <bdi>%s</bdi></h2>', esc_html( $event['event_type'] ), esc_html( $event['object_ref'] ) );
		$this->results->render_of( $event['idempotency_key'] );
	}

	public function act( array $form ): string {
		$ids = array_map( 'intval', array_filter( (array) ( $form['ids'] ?? array() ), 'is_scalar' ) );
		if ( 'retry' !== ( $form['do'] ?? '' ) || array() === $ids ) {
			return 'nothing';
		}
		Breaker::reset();
		$this->log->retry( $ids );
		$this->dispatcher->dispatch();
		return 'retried';
	}

	public function said( string $word ): string {
		$sentences = array(
			'retried' => __( 'The events you chose were tried again.', 'pressferry' ),
			'nothing' => __( 'Choose the events to send again.', 'pressferry' ),
		);
		return $sentences[ $word ] ?? '';
	}
}
