<?php
/**
 * The table of the log.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Callback\Inbox;
use Pressferry\Outbox\Log;
use Pressferry\Outbox\Outbox;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

if ( ! class_exists( '\WP_List_Table' ) ) {
	require_once ABSPATH . 'wp-admin/includes/class-wp-list-table.php';
}

final class LogTable extends \WP_List_Table {

	const PER_PAGE = 50;

	/** @var Log */
	private $log;

	/** @var Inbox */
	private $inbox;

	/** @var array<string, string> */
	private $filter;

	/** @var array<string, int> By idempotency key. */
	private $results = array();

	/**
	 * @param array<string, string> $filter status, event_type, search.
	 */
	public function __construct( Log $log, Inbox $inbox, array $filter ) {
		parent::__construct(
			array(
				'singular' => 'event',
				'plural'   => 'events',
				'ajax'     => false,
				'screen'   => 'settings_page_pressferry',
			)
		);
		$this->log    = $log;
		$this->inbox  = $inbox;
		$this->filter = $filter;
	}

	public function get_columns() {
		return array(
			'cb'          => '<input type="checkbox" />',
			'event_type'  => __( 'Event', 'pressferry' ),
			'object_ref'  => __( 'Object', 'pressferry' ),
			'status'      => __( 'State', 'pressferry' ),
			'attempts'    => __( 'Tries', 'pressferry' ),
			'last_error'  => __( 'Last answer', 'pressferry' ),
			'request_id'  => __( 'Request', 'pressferry' ),
			'results'     => __( 'Results', 'pressferry' ),
			'occurred_at' => __( 'When', 'pressferry' ),
		);
	}

	/**
	 * A button in place of WordPress' own list of actions, whose field and nonce have the names of our form's.
	 *
	 * @param string $which top or bottom.
	 */
	protected function display_tablenav( $which ) {
		printf( '<div class="tablenav %s"><div class="alignleft actions">', esc_attr( $which ) );
		printf( '<button type="submit" class="button" name="do" value="retry">%s</button></div>', esc_html__( 'Send again', 'pressferry' ) );
		$this->pagination( $which );
		echo '<br class="clear"></div>';
	}

	protected function get_views() {
		$views = array( 'all' => self::view( '', __( 'All', 'pressferry' ), $this->log->count( array() ), '' === $this->filter['status'] ) );
		foreach ( Outbox::STATUSES as $status ) {
			$count = $this->log->count( array( 'status' => $status ) );
			if ( $count > 0 ) {
				$views[ $status ] = self::view( $status, Remedies::short_status( $status ), $count, $status === $this->filter['status'] );
			}
		}
		return $views;
	}

	public function prepare_items() {
		$total = $this->log->count( $this->filter );
		$this->set_pagination_args(
			array(
				'total_items' => $total,
				'per_page'    => self::PER_PAGE,
			)
		);
		$this->_column_headers = array( $this->get_columns(), array(), array(), 'event_type' );
		$this->items           = $this->log->find(
			$this->filter + array(
				'limit'  => self::PER_PAGE,
				'offset' => ( $this->get_pagenum() - 1 ) * self::PER_PAGE,
			)
		);
		$this->results         = $this->inbox->counts( array_column( $this->items, 'idempotency_key' ) );
	}

	public function no_items() {
		esc_html_e( 'There is no such event.', 'pressferry' );
	}

	/**
	 * @param array<string, mixed> $item
	 */
	protected function column_cb( $item ) {
		/* translators: %s: an event type. */
		$label = sprintf( __( 'Select %s', 'pressferry' ), $item['event_type'] . ' ' . $item['object_ref'] );
		return sprintf( '<input type="checkbox" name="ids[]" value="%d" aria-label="%s" />', $item['id'], esc_attr( $label ) );
	}

	/**
	 * @param array<string, mixed> $item
	 * @param string               $name
	 */
	protected function column_default( $item, $name ) {
		$value = (string) ( $item[ $name ] ?? '' );
		switch ( $name ) {
			case 'status':
				return esc_html( Remedies::status( $value ) ) . ( (int) $item['next_attempt_at'] > 0 && in_array( $value, array( 'pending', 'dead', 'held' ), true ) ? '<br><span class="description">' . esc_html( self::time( (int) $item['next_attempt_at'] ) ) . '</span>' : '' );
			case 'last_error':
				return '' === $value ? '' : esc_html( Remedies::of( $value ) ) . ' <code>' . esc_html( $value ) . '</code>';
			case 'results':
				$key = (string) $item['idempotency_key'];
				/* translators: %d: number of results. */
				return isset( $this->results[ $key ] ) ? sprintf( '<a href="%s">%s</a>', esc_url( Screen::url( 'log', array( 'results' => $key ) ) ), esc_html( sprintf( __( 'Show %d', 'pressferry' ), $this->results[ $key ] ) ) ) : '';
			case 'occurred_at':
				return esc_html( self::time( (int) $value ) );
			case 'object_ref':
				$link = (int) $item['post_id'] > 0 ? get_edit_post_link( (int) $item['post_id'] ) : '';
				return $link ? sprintf( '<a href="%s"><bdi>%s</bdi></a>', esc_url( $link ), esc_html( $value ) ) : '<bdi>' . esc_html( $value ) . '</bdi>';
			default:
				return '<bdi>' . esc_html( $value ) . '</bdi>';
		}
	}

	private static function view( string $status, string $label, int $count, bool $current ): string {
		return sprintf( '<a href="%s"%s>%s <span class="count">(%d)</span></a>', esc_url( Screen::url( 'log', array( 'status' => $status ) ) ), $current ? ' class="current" aria-current="page"' : '', esc_html( $label ), $count );
	}

	private static function time( int $ms ): string {
		return (string) wp_date( get_option( 'date_format' ) . ' ' . get_option( 'time_format' ), intdiv( $ms, 1000 ) );
	}
}
