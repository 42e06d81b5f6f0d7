<?php
/**
 * What agents may do with the outbox, by the Abilities API of WordPress 6.9 and newer; older ones never fire its hooks.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

use Pressferry\Outbox\Log;
use Pressferry\Outbox\Outbox;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Abilities {

	const CATEGORY = 'pressferry';
	const MAX      = 100;

	/** @var Log */
	private $log;

	/** @var Outbox */
	private $outbox;

	public function __construct( Log $log, Outbox $outbox ) {
		$this->log    = $log;
		$this->outbox = $outbox;
	}

	public function register(): void {
		add_action( 'wp_abilities_api_categories_init', array( $this, 'add_category' ) );
		add_action( 'wp_abilities_api_init', array( $this, 'add' ) );
	}

	public function add_category(): void {
		wp_register_ability_category(
			self::CATEGORY,
			array(
				'label'       => 'Pressferry',
				'description' => __( 'The events that this site sends to its backend.', 'pressferry' ),
			)
		);
	}

	/**
	 * Registers what there is; each for administrators only, as the screen is.
	 */
	public function add(): void {
		$status = array(
			'type' => 'string',
			'enum' => Outbox::STATUSES,
		);
		$this->add_one( 'status', __( 'Count events by state', 'pressferry' ), true, array(), array( $this, 'status' ) );
		$this->add_one(
			'list-deliveries',
			__( 'List events and what became of them, without their content', 'pressferry' ),
			true,
			array(
				'status' => $status,
				'search' => array( 'type' => 'string' ),
				'limit'  => array(
					'type'    => 'integer',
					'minimum' => 1,
					'maximum' => self::MAX,
				),
			),
			array( $this, 'list_deliveries' )
		);
		$ids = array(
			'type'     => 'array',
			'items'    => array( 'type' => 'integer' ),
			'maxItems' => self::MAX,
		);
		$this->add_one( 'replay', __( 'Send events again that were not taken', 'pressferry' ), false, array( 'ids' => $ids ), array( $this, 'replay' ) );
	}

	/**
	 * @return array{counts: array<string, int>, oldest_pending_at: int}
	 */
	public function status(): array {
		return $this->outbox->summary();
	}

	/**
	 * @param mixed $input status, search, limit.
	 * @return array{deliveries: array<int, array<string, mixed>>}
	 */
	public function list_deliveries( $input = null ): array {
		$filter = array_intersect_key( (array) $input, array_flip( array( 'status', 'search' ) ) );
		$limit  = (int) ( ( (array) $input )['limit'] ?? 20 );
		return array( 'deliveries' => $this->log->find( array_filter( $filter, 'is_string' ) + array( 'limit' => max( 1, min( self::MAX, $limit ) ) ) ) );
	}

	/**
	 * @param mixed $input ids.
	 * @return array{replayed: int} How many wait again; what was sent or erased does not.
	 */
	public function replay( $input = null ): array {
		$ids = ( (array) $input )['ids'] ?? array();
		return array( 'replayed' => $this->log->retry( array_slice( wp_parse_id_list( $ids ), 0, self::MAX ) ) );
	}

	/**
	 * @param array<string, array<string, mixed>> $properties Of the input.
	 */
	private function add_one( string $name, string $label, bool $only_reads, array $properties, callable $work ): void {
		wp_register_ability(
			self::CATEGORY . '/' . $name,
			array(
				'label'               => $label,
				'description'         => $label,
				'category'            => self::CATEGORY,
				'input_schema'        => array(
					'type'                 => 'object',
					'properties'           => $properties,
					'additionalProperties' => false,
					'default'              => array(),
				),
				'output_schema'       => array( 'type' => 'object' ),
				'execute_callback'    => $work,
				'permission_callback' => static function (): bool {
					return current_user_can( Screen::CAPABILITY );
				},
				'meta'                => array(
					'show_in_rest' => true,
					'annotations'  => array(
						'readonly'    => $only_reads,
						'destructive' => false,
						'idempotent'  => true,
					),
				),
			)
		);
	}
}
