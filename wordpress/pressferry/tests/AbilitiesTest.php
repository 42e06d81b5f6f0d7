<?php
namespace {
	if ( ! function_exists( 'wp_register_ability' ) ) {
		function wp_register_ability_category( $slug, $args ) {
			Pressferry\Tests\AbilitiesTest::$categories[ $slug ] = $args;
		}
		function wp_register_ability( $name, $args ) {
			Pressferry\Tests\AbilitiesTest::$abilities[ $name ] = $args;
		}
	}
}

namespace Pressferry\Tests {

	/**
	 * What agents may do, on a WordPress that knows abilities.
	 */
	final class AbilitiesTest extends ScenarioCase {
		/** @var array<string, array<string, mixed>> */
		public static $categories = array();

		/** @var array<string, array<string, mixed>> */
		public static $abilities = array();

		protected function setUp(): void {
			parent::setUp();
			do_action( 'wp_abilities_api_categories_init' );
			do_action( 'wp_abilities_api_init' );
		}

		protected function tearDown(): void {
			wp_set_current_user( 0 );
			parent::tearDown();
		}

		private static function run_ability( string $name, array $input = array() ) {
			return call_user_func( self::$abilities[ "pressferry/$name" ]['execute_callback'], $input );
		}

		public function test_each_ability_is_for_administrators_and_says_whether_it_changes_anything(): void {
			$this->assertSame( array( 'pressferry' ), array_keys( self::$categories ) );
			$this->assertSame( array( 'pressferry/status', 'pressferry/list-deliveries', 'pressferry/replay' ), array_keys( self::$abilities ) );
			foreach ( self::$abilities as $name => $ability ) {
				wp_set_current_user( 0 );
				$this->assertFalse( call_user_func( $ability['permission_callback'] ), $name );
				wp_set_current_user( 1 );
				$this->assertTrue( call_user_func( $ability['permission_callback'] ), $name );
				$this->assertSame( 'pressferry/replay' !== $name, $ability['meta']['annotations']['readonly'] );
				$this->assertSame( 'pressferry', $ability['category'] );
			}
		}

		public function test_an_agent_finds_what_was_refused_and_has_it_sent_again_but_sees_no_content(): void {
			$this->answer( PluginTestCase::refusal_of( 'data_invalid' ), FakeIngress::accepted() );
			$this->publish( array( 'post_content' => 'secret plans' ) );
			$this->tick();
			$this->assertSame( 1, self::run_ability( 'status' )['counts']['refused'] );
			$found = self::run_ability( 'list-deliveries', array( 'status' => 'refused', 'limit' => 5000 ) )['deliveries'];
			$this->assertCount( 1, $found );
			$this->assertStringNotContainsString( 'secret plans', (string) wp_json_encode( $found ) );
			$this->assertSame( 1, self::run_ability( 'replay', array( 'ids' => array( $found[0]['id'] ) ) )['replayed'] );
			$this->tick();
			$this->assertSame( 1, self::run_ability( 'status' )['counts']['sent'] );
			$this->assertSame( 0, self::run_ability( 'replay', array( 'ids' => array( $found[0]['id'], 'x' ) ) )['replayed'], 'what was sent is not sent again' );
			$this->assertSame( 0, self::run_ability( 'replay' )['replayed'] );
		}
	}
}
