<?php
/**
 * The results of a post on its edit screen.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Callback\Inbox;
use Pressferry\Outbox\Outbox;
use WP_Post;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class ResultsBox {

	const AJAX = 'pressferry_results';

	// What one screen shows; a result may be a megabyte.
	const MAX_RESULTS = 10;
	const MAX_CHARS   = 20000;

	/** @var Inbox */
	private $inbox;

	/** @var Outbox */
	private $outbox;

	public function __construct( Inbox $inbox, Outbox $outbox ) {
		$this->inbox  = $inbox;
		$this->outbox = $outbox;
	}

	public function add(): void {
		foreach ( get_post_types( array( 'public' => true ) ) as $type ) {
			add_meta_box( 'pressferry-results', __( 'Pressferry results', 'pressferry' ), array( $this, 'box' ), $type, 'normal', 'default' );
		}
	}

	/**
	 * Prints the box, and has it kept true while the screen stays open.
	 */
	public function box( WP_Post $post ): void {
		$settings = array(
			'post'  => (string) $post->ID,
			'nonce' => wp_create_nonce( self::AJAX . $post->ID ),
		);
		LiveBox::enqueue( 'results-box', 'pressferryResultsBox', $settings, array( 'wp-data' ) );
		echo '<div id="pressferry-results-content" aria-live="polite">';
		$this->render( $post );
		echo '</div>';
	}

	/**
	 * Answers the box that asks again.
	 */
	public function answer(): void {
		$id   = isset( $_POST['post'] ) && is_string( $_POST['post'] ) ? (int) $_POST['post'] : 0; // phpcs:ignore WordPress.Security.NonceVerification -- it is part of the nonce, which is checked next.
		$post = get_post( $id );
		if ( null === $post || ! check_ajax_referer( self::AJAX . $id, false, false ) || ! current_user_can( 'edit_post', $id ) ) {
			wp_die( '', '', array( 'response' => 403 ) );
		}
		$this->render( $post );
		wp_die();
	}

	/**
	 * Prints what is in the box; everything that came from outside is escaped, and cannot turn the text around it.
	 */
	public function render( WP_Post $post ): void {
		$results = array_slice( $this->inbox->for_post( $post->ID, self::MAX_RESULTS ), 0, self::MAX_RESULTS );
		if ( array() === $results ) {
			$this->render_waiting( $post );
		}
		$this->render_all( $results );
	}

	public function render_of( string $idempotency_key ): void {
		$this->render_all( $this->inbox->find( 'idempotency_key', $idempotency_key, self::MAX_RESULTS ) );
	}

	/**
	 * @param array<int, array<string, mixed>> $results
	 */
	private function render_all( array $results ): void {
		foreach ( $results as $result ) {
			printf(
				'<h4 style="margin-bottom:4px"><bdi>%s</bdi> · <span class="pressferry-status">%s</span></h4><p class="description" style="margin-top:0"><bdi>%s</bdi> · %s</p>',
				esc_html( $result['automation'] ),
				esc_html( 'failed' === $result['status'] ? __( 'failed', 'pressferry' ) : __( 'succeeded', 'pressferry' ) ),
				esc_html( $result['event_type'] ),
				esc_html( self::time( $result['stored_at'] ) )
			);
			$this->render_map( (array) ( 'failed' === $result['status'] ? $result['error'] : $result['output'] ) );
		}
	}

	private function render_waiting( WP_Post $post ): void {
		$rows = $this->outbox->find( 'post_id', (string) $post->ID );
		if ( array() === $rows ) {
			echo '<p>' . esc_html__( 'Nothing has been reported of this post so far.', 'pressferry' ) . '</p>';
			return;
		}
		/* translators: 1: event type, 2: what became of it, 3: number of attempts. */
		echo '<p>' . esc_html( sprintf( __( 'No result yet. Event %1$s: %2$s after %3$d attempt(s).', 'pressferry' ), $rows[0]['event_type'], Remedies::status( $rows[0]['status'] ), $rows[0]['attempts'] ) ) . '</p>';
	}

	/**
	 * @param array<int|string, mixed> $map
	 */
	private function render_map( array $map ): void {
		echo '<table class="widefat striped" style="table-layout:fixed"><tbody>';
		foreach ( $map as $name => $value ) {
			$text = is_string( $value ) ? $value : (string) wp_json_encode( $value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRETTY_PRINT );
			$text = mb_strlen( $text ) > self::MAX_CHARS ? mb_substr( $text, 0, self::MAX_CHARS ) . ' …' : $text;
			printf( '<tr><th scope="row" style="width:20%%"><bdi>%s</bdi></th><td style="white-space:pre-wrap"><bdi>%s</bdi></td></tr>', esc_html( (string) $name ), esc_html( $text ) );
		}
		echo '</tbody></table>';
	}

	private static function time( int $ms ): string {
		return (string) wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), intdiv( $ms, 1000 ) );
	}
}
