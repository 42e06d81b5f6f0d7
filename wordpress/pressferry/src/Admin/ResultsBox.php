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

	/** @var Inbox */
	private $inbox;

	/** @var Outbox */
	private $outbox;

	public function __construct( Inbox $inbox, Outbox $outbox ) {
		$this->inbox  = $inbox;
		$this->outbox = $outbox;
	}

	public function register(): void {
		add_action( 'add_meta_boxes', array( $this, 'add' ) );
	}

	public function add(): void {
		foreach ( get_post_types( array( 'public' => true ) ) as $type ) {
			add_meta_box( 'pressferry-results', __( 'Pressferry results', 'pressferry' ), array( $this, 'render' ), $type, 'normal', 'default' );
		}
	}

	/**
	 * Prints the box; everything that came from outside is escaped.
	 */
	public function render( WP_Post $post ): void {
		$results = $this->inbox->for_post( $post->ID );
		if ( array() === $results ) {
			$this->render_waiting( $post );
		}
		foreach ( $results as $result ) {
			printf(
				'<h4 style="margin-bottom:4px">%s · <span class="pressferry-status">%s</span></h4><p class="description" style="margin-top:0">%s · %s</p>',
				esc_html( $result['automation'] ),
				esc_html( $result['status'] ),
				esc_html( $result['event_type'] ),
				esc_html( self::time( $result['stored_at'] ) )
			);
			$this->render_map( (array) ( 'failed' === $result['status'] ? $result['error'] : $result['output'] ) );
		}
	}

	private function render_waiting( WP_Post $post ): void {
		$rows = $this->outbox->find( 'post_id', (string) $post->ID );
		if ( array() === $rows ) {
			echo '<p>' . esc_html__( 'No event has been recorded for this post.', 'pressferry' ) . '</p>';
			return;
		}
		/* translators: 1: event type, 2: status, 3: number of attempts. */
		echo '<p>' . esc_html( sprintf( __( 'No result yet. Event %1$s: %2$s after %3$d attempt(s).', 'pressferry' ), $rows[0]['event_type'], $rows[0]['status'], $rows[0]['attempts'] ) ) . '</p>';
	}

	/**
	 * @param array<int|string, mixed> $map
	 */
	private function render_map( array $map ): void {
		echo '<table class="widefat striped"><tbody>';
		foreach ( $map as $name => $value ) {
			$text = is_string( $value ) ? $value : (string) wp_json_encode( $value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRETTY_PRINT );
			printf( '<tr><th scope="row" style="width:20%%">%s</th><td style="white-space:pre-wrap">%s</td></tr>', esc_html( (string) $name ), esc_html( $text ) );
		}
		echo '</tbody></table>';
	}

	private static function time( int $ms ): string {
		return (string) wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), intdiv( $ms, 1000 ) );
	}
}
