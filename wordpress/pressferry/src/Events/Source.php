<?php
/**
 * Something that turns WordPress hooks into events.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Events;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

interface Source {

	/**
	 * Hooks in. Calls `record`, or `capture` for what is only whole at the end of the request, with a function that returns an Event or
	 * null. Whatever that function throws stays inside.
	 */
	public function register( Recorder $recorder ): void;
}
