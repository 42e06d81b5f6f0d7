<?php
/**
 * Runs the test classes if there is no PHPUnit: the few assertions they use, and a runner.
 * Prints one line per test that did not pass, then `RESULT {"passed":n,"failed":n,"skipped":n}`.
 */

namespace PHPUnit\Framework;

class AssertionFailedError extends \Exception {}
class SkippedTestError extends \Exception {}

abstract class TestCase {
	protected function setUp(): void {}
	protected function tearDown(): void {}

	public static function fail( string $message = 'failed' ): void {
		throw new AssertionFailedError( $message );
	}
	public static function markTestSkipped( string $message = '' ): void {
		throw new SkippedTestError( $message );
	}
	private static function check( bool $ok, string $message, $expected = null, $actual = null ): void {
		if ( ! $ok ) {
			self::fail( trim( $message . ' expected ' . self::show( $expected ) . ', got ' . self::show( $actual ) ) );
		}
	}
	private static function show( $value ): string {
		return substr( is_scalar( $value ) || null === $value ? var_export( $value, true ) : (string) json_encode( $value ), 0, 400 );
	}
	public static function assertSame( $expected, $actual, string $message = '' ): void {
		self::check( $expected === $actual, $message, $expected, $actual );
	}
	public static function assertNotSame( $expected, $actual, string $message = '' ): void {
		self::check( $expected !== $actual, $message . ' (another)', $expected, $actual );
	}
	public static function assertTrue( $actual, string $message = '' ): void {
		self::check( true === $actual, $message, true, $actual );
	}
	public static function assertFalse( $actual, string $message = '' ): void {
		self::check( false === $actual, $message, false, $actual );
	}
	public static function assertNull( $actual, string $message = '' ): void {
		self::check( null === $actual, $message, null, $actual );
	}
	public static function assertCount( int $expected, $actual, string $message = '' ): void {
		self::check( count( $actual ) === $expected, $message . ' (count)', $expected, $actual );
	}
	public static function assertGreaterThanOrEqual( $expected, $actual, string $message = '' ): void {
		self::check( $actual >= $expected, $message . ' (at least)', $expected, $actual );
	}
	public static function assertLessThanOrEqual( $expected, $actual, string $message = '' ): void {
		self::check( $actual <= $expected, $message . ' (at most)', $expected, $actual );
	}
	public static function assertNotNull( $actual, string $message = '' ): void {
		self::check( null !== $actual, $message, 'not null', $actual );
	}
	public static function assertIsInt( $actual, string $message = '' ): void {
		self::check( is_int( $actual ), $message, 'an integer', $actual );
	}
	public static function assertArrayHasKey( $key, array $actual, string $message = '' ): void {
		self::check( array_key_exists( $key, $actual ), $message . ' (with the key)', $key, $actual );
	}
	public static function assertArrayNotHasKey( $key, array $actual, string $message = '' ): void {
		self::check( ! array_key_exists( $key, $actual ), $message . ' (without the key)', $key, $actual );
	}
	public static function assertContains( $needle, array $actual, string $message = '' ): void {
		self::check( in_array( $needle, $actual, true ), $message . ' (containing)', $needle, $actual );
	}
	public static function assertNotFalse( $actual, string $message = '' ): void {
		self::check( false !== $actual, $message, 'not false', $actual );
	}
	public static function assertNotEmpty( $actual, string $message = '' ): void {
		self::check( ! empty( $actual ), $message, 'not empty', $actual );
	}
	public static function assertGreaterThan( $expected, $actual, string $message = '' ): void {
		self::check( $actual > $expected, $message, $expected, $actual );
	}
	public static function assertLessThan( $expected, $actual, string $message = '' ): void {
		self::check( $actual < $expected, $message, $expected, $actual );
	}
	public static function assertStringEndsWith( string $suffix, string $string, string $message = '' ): void {
		self::check( substr( $string, -strlen( $suffix ) ) === $suffix, $message, $suffix, $string );
	}
	public static function assertStringContainsString( string $needle, string $haystack, string $message = '' ): void {
		self::check( false !== strpos( $haystack, $needle ), $message . ' (containing)', $needle, $haystack );
	}
	public static function assertStringNotContainsString( string $needle, string $haystack, string $message = '' ): void {
		self::check( false === strpos( $haystack, $needle ), $message . ' (without)', $needle, $haystack );
	}
	public static function assertMatchesRegularExpression( string $pattern, string $actual, string $message = '' ): void {
		self::check( 1 === preg_match( $pattern, $actual ), $message . ' (matching)', $pattern, $actual );
	}

	public function run_by_shim( string $method ): void {
		try {
			$this->setUp();
			$this->$method();
		} finally {
			$this->tearDown();
		}
	}
}

function run_all( string $dir ): array {
	$counts = array( 'passed' => 0, 'failed' => 0, 'skipped' => 0 );
	foreach ( glob( $dir . '/*Test.php' ) as $file ) {
		require_once $file;
		$class = 'Pressferry\\Tests\\' . basename( $file, '.php' );
		foreach ( preg_grep( '/^test/', get_class_methods( $class ) ) as $method ) {
			$name = basename( $file, '.php' ) . '::' . $method;
			try {
				( new $class() )->run_by_shim( $method );
				++$counts['passed'];
			} catch ( SkippedTestError $skipped ) {
				++$counts['skipped'];
				echo "skipped $name: {$skipped->getMessage()}\n";
			} catch ( \Throwable $error ) {
				++$counts['failed'];
				echo "FAILED $name: ", get_class( $error ), ' ', $error->getMessage(), ' at ', basename( $error->getTrace()[1]['file'] ?? $error->getFile() ), ':', $error->getTrace()[1]['line'] ?? $error->getLine(), "\n";
			}
		}
	}
	return $counts;
}
