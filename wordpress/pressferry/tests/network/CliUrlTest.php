<?php
namespace Pressferry\Tests\Network;

final class CliUrlTest extends NetworkCase {
	/**
	 * @return array<string, mixed> What `wp --url=<blog> pressferry <method> --format=json` prints.
	 */
	private static function wp( int $blog, string $method ): array {
		putenv( 'PRESSFERRY_TEST_PATH=' . get_site( $blog )->path );
		try {
			exec( escapeshellarg( PHP_BINARY ) . ' ' . escapeshellarg( dirname( __DIR__ ) . '/support/wp-cli.php' ) . ' pressferry ' . escapeshellarg( $method ) . ' 2>&1', $lines, $code );
		} finally {
			putenv( 'PRESSFERRY_TEST_PATH' );
		}
		self::assertSame( 0, $code, implode( "\n", $lines ) );
		return (array) json_decode( (string) end( $lines ), true );
	}

	public function test_a_command_with_a_url_works_on_that_blog(): void {
		self::on(
			$this->two,
			static function (): void {
				wp_insert_post( array( 'post_title' => 'Fog', 'post_status' => 'publish' ) );
			}
		);
		$this->end_request();
		$this->assertSame( 0, self::wp( 1, 'status' )['events']['pending'] );
		$this->assertSame( 1, self::wp( $this->two, 'status' )['events']['pending'] );
		$this->assertSame( 0, self::wp( $this->three, 'dispatch' )['accepted'] );
		$this->assertSame( 1, self::wp( $this->two, 'dispatch' )['accepted'] );
		$this->assertSame( 'sent', $this->rows_of( $this->two )[0]['status'] );
	}
}
