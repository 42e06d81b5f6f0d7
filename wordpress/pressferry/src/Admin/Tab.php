<?php
/**
 * One tab of the plugin's screen.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Admin;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

interface Tab {

	public function label(): string;

	public function render(): void;

	/**
	 * Does what the tab's form asks for; capability and nonce are checked.
	 *
	 * @param array<string, mixed> $form Unslashed.
	 * @return string A word for what became of it, which `said` turns into a sentence.
	 */
	public function act( array $form ): string;

	/**
	 * The sentence for a word of `act`; an empty string for a word that is none.
	 */
	public function said( string $word ): string;
}
