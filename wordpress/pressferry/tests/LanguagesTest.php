<?php
namespace Pressferry\Tests;

use PHPUnit\Framework\TestCase;
use Pressferry\Languages;

final class LanguagesTest extends TestCase {
	protected function tearDown(): void {
		unload_textdomain( 'pressferry' );
	}

	public function test_the_translation_that_comes_with_the_plugin_is_shown(): void {
		$this->assertTrue( Languages::load( 'de_DE' ) );
		$this->assertSame( 'Diese Website verbinden', __( 'Connect this site', 'pressferry' ) );
		$this->assertSame( 'vor 3 Tagen erzeugt', sprintf( __( 'made %s ago', 'pressferry' ), '3 Tagen' ) );
	}

	public function test_a_locale_without_a_translation_stays_english_and_no_name_leads_out_of_the_folder(): void {
		foreach ( array( 'xx_XX', '../../x', '' ) as $locale ) {
			$this->assertFalse( Languages::load( $locale ) );
		}
		$this->assertSame( 'Connect this site', __( 'Connect this site', 'pressferry' ) );
	}
}
