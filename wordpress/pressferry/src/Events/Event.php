<?php
/**
 * Something that happened on the site, before it is frozen into the outbox.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

final class Event {

	/** @var string An event type of the backend's catalogue, e.g. post.published. */
	public $type;

	/** @var string What it is about, 1–255 characters. */
	public $object_ref;

	/** @var array<string, mixed> */
	public $data;

	/** @var string Equal for two reports of the same happening; stored under a unique key. */
	public $dedupe_key;

	/** @var int The post whose edit screen shows the results; 0 for none. */
	public $post_id;

	/** @var bool What `pressferry_should_send` starts from. */
	public $wanted;

	/** @var int For so many milliseconds it waits for a newer state of its object, which takes its place; 0: it is sent at once. */
	public $settle_ms;

	/**
	 * @param array<string, mixed> $fields type, object_ref, data, dedupe_key; optional post_id, wanted, settle_ms.
	 */
	public function __construct( array $fields ) {
		$this->type       = $fields['type'];
		$this->object_ref = $fields['object_ref'];
		$this->data       = $fields['data'];
		$this->dedupe_key = $fields['dedupe_key'];
		$this->post_id    = $fields['post_id'] ?? 0;
		$this->wanted     = $fields['wanted'] ?? true;
		$this->settle_ms  = $fields['settle_ms'] ?? 0;
	}
}
