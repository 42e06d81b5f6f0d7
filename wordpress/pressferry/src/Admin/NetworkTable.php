<?php
/**
 * The table of a network's sites.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\NetworkSites;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

if ( ! class_exists( '\WP_List_Table' ) ) {
	require_once ABSPATH . 'wp-admin/includes/class-wp-list-table.php';
}

final class NetworkTable extends \WP_List_Table {

	const PER_PAGE = 50;

	/** @var NetworkSites */
	private $sites;

	public function __construct( NetworkSites $sites ) {
		parent::__construct(
			array(
				'singular' => 'site',
				'plural'   => 'sites',
				'ajax'     => false,
				'screen'   => 'settings_page_pressferry-network',
			)
		);
		$this->sites = $sites;
	}

	public function get_columns() {
		return array(
			'cb'           => '<input type="checkbox" />',
			'url'          => __( 'Site', 'pressferry' ),
			'state'        => __( 'State', 'pressferry' ),
			'last_sent_at' => __( 'Last delivery', 'pressferry' ),
			'waiting'      => __( 'Waiting', 'pressferry' ),
			'refused'      => __( 'Refused', 'pressferry' ),
			'last_fault'   => __( 'Last fault', 'pressferry' ),
		);
	}

	public function prepare_items() {
		$this->_column_headers = array( $this->get_columns(), array(), array() );
		foreach ( NetworkSites::ids( self::PER_PAGE, ( $this->get_pagenum() - 1 ) * self::PER_PAGE ) as $blog ) {
			$this->items[] = $this->sites->look( $blog );
		}
		$this->set_pagination_args(
			array(
				'total_items' => NetworkSites::count(),
				'per_page'    => self::PER_PAGE,
			)
		);
	}

	public static function state( string $state ): string {
		$words = array(
			'connected'      => __( 'connected', 'pressferry' ),
			'not_connected'  => __( 'not connected', 'pressferry' ),
			'copy'           => __( 'its address has changed: moved or a copy?', 'pressferry' ),
			'without_plugin' => __( 'without this plugin', 'pressferry' ),
		);
		return $words[ $state ] ?? $state;
	}

	/**
	 * Without a nonce: the form around it has one.
	 *
	 * @param string $which
	 */
	protected function display_tablenav( $which ) {
		if ( 'bottom' === $which ) {
			echo '<div class="tablenav bottom">';
			$this->pagination( $which );
			echo '<br class="clear"></div>';
		}
	}

	/**
	 * @param array<string, mixed> $item
	 */
	protected function column_cb( $item ) {
		if ( 'not_connected' !== $item['state'] ) {
			return '';
		}
		/* translators: %s: a site's URL. */
		return sprintf( '<input type="checkbox" name="blogs[]" value="%d" aria-label="%s" />', $item['blog'], esc_attr( sprintf( __( 'Choose %s', 'pressferry' ), $item['url'] ) ) );
	}

	/**
	 * @param array<string, mixed> $item
	 */
	protected function column_url( $item ) {
		return sprintf( '<a href="%s"><bdi>%s</bdi></a>', esc_url( get_admin_url( $item['blog'], 'options-general.php?page=' . Screen::PAGE ) ), esc_html( $item['url'] ) );
	}

	/**
	 * @param array<string, mixed> $item
	 */
	protected function column_state( $item ) {
		$site_id = 'connected' === $item['state'] ? ' <bdi>' . esc_html( $item['site_id'] ) . '</bdi>' : '';
		return esc_html( self::state( $item['state'] ) ) . $site_id;
	}

	/**
	 * @param array<string, mixed> $item
	 */
	protected function column_last_sent_at( $item ) {
		return esc_html( self::ago( $item['last_sent_at'] ) );
	}

	/**
	 * @param array<string, mixed> $item
	 */
	protected function column_waiting( $item ) {
		$since = self::ago( $item['oldest_waiting_at'] );
		return esc_html( number_format_i18n( $item['waiting'] ) . ( '' === $since ? '' : ' (' . $since . ')' ) );
	}

	/**
	 * @param array<string, mixed> $item
	 * @param string               $column_name
	 */
	protected function column_default( $item, $column_name ) {
		return esc_html( (string) ( $item[ $column_name ] ?? '' ) );
	}

	private static function ago( int $ms ): string {
		/* translators: %s: a duration, as "3 days". */
		return $ms > 0 ? sprintf( __( '%s ago', 'pressferry' ), human_time_diff( intdiv( $ms, 1000 ) ) ) : '';
	}
}
