<?php
namespace Pressferry\Tests;

use Pressferry\Plugin;

/**
 * Follows docs/contributing/add-a-source.md: runs the code of the page.
 */
final class SourceDocumentTest extends ScenarioCase {
	public function test_the_source_of_the_page_records_one_event_for_one_departure(): void {
		$page = dirname( __DIR__, 3 ) . '/docs/contributing/add-a-source.md';
		if ( ! is_readable( $page ) ) {
			$this->markTestSkipped( 'the documents are not mounted here' );
		}
		preg_match( '/```php\n(.*?)```/s', (string) file_get_contents( $page ), $code );
		$file = tempnam( sys_get_temp_dir(), 'source' );
		file_put_contents( $file, "<?php\n" . $code[1] );
		require $file;
		unlink( $file );
		do_action( 'pressferry_sources', Plugin::recorder() );
		do_action( 'ferry_departed', 17 );
		do_action( 'ferry_departed', 17 );
		$this->end_request();
		do_action( 'ferry_departed', 17 );
		$this->end_request();
		$rows = $this->rows( "event_type = 'ferry.departed'" );
		$this->assertCount( 1, $rows );
		$this->assertSame( array( '17', '{"crossing":17}' ), array( $rows[0]['object_ref'], $rows[0]['payload'] ) );
		remove_all_actions( 'ferry_departed' );
	}
}
