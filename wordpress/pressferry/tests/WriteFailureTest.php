<?php
namespace Pressferry\Tests;

use Pressferry\Admin\Area;
use Pressferry\Clock;
use Pressferry\Events\Event;
use Pressferry\Outbox\Outbox;
use Pressferry\Outbox\Payload;
use Pressferry\Outbox\Schema;
use Pressferry\Outbox\Spool;
use Pressferry\Outbox\SpoolFile;

/**
 * An event that the database does not take is not lost, and someone hears of it.
 */
final class WriteFailureTest extends ScenarioCase {
	/** @var callable|null */
	private $fault;

	/** @var array<int, string[]> */
	private $reported = array();

	protected function setUp(): void {
		parent::setUp();
		$this->reported = array();
		add_action( 'pressferry_write_failed', function ( $reason, $where ) {
			$this->reported[] = array( $reason, $where );
		}, 10, 2 );
	}

	protected function tearDown(): void {
		$this->repair();
		remove_all_filters( 'pressferry_write_failed' );
		$file = ( new SpoolFile() )->path();
		if ( is_file( $file ) ) {
			unlink( $file );
		}
		parent::tearDown();
	}

	/**
	 * Makes the database refuse each statement that has one of these words, as a full disk or a missing right does.
	 */
	private function break_statements( string ...$words ): void {
		$this->fault = static function ( $sql ) use ( $words ) {
			foreach ( $words as $word ) {
				if ( preg_match( '/^\s*INSERT/i', $sql ) && false !== strpos( $sql, $word ) ) {
					return 'INSERT INTO pressferry_no_such_table (a) VALUES (1)';
				}
			}
			return $sql;
		};
		add_filter( 'query', $this->fault );
	}

	private function repair(): void {
		if ( null !== $this->fault ) {
			remove_filter( 'query', $this->fault );
			$this->fault = null;
		}
	}

	private static function site_health( string $test ): array {
		$tests = apply_filters( 'site_status_tests', array( 'direct' => array(), 'async' => array() ) );
		return call_user_func( $tests['direct'][ 'pressferry_' . $test ]['test'] );
	}

	public function test_a_missing_table_is_made_again_by_the_event_that_misses_it_whatever_the_version_option_says(): void {
		global $wpdb;
		$wpdb->query( 'DROP TABLE ' . Schema::outbox() );
		$this->assertSame( Schema::VERSION, get_option( Schema::OPTION ) );
		$this->assertSame( 'critical', self::site_health( 'writing' )['status'], 'Site Health does not say that all is well' );
		$id = $this->publish();
		$this->assertSame( 'pending', $this->status( $id ) );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
		$this->assertSame( 'good', self::site_health( 'writing' )['status'] );
	}

	public function test_one_event_that_the_table_can_never_take_holds_up_no_other(): void {
		global $wpdb;
		if ( ! $wpdb->dbh instanceof \mysqli ) {
			$this->markTestSkipped( 'SQLite has no character sets' );
		}
		$charset = static function ( string $name ) use ( $wpdb ): void {
			$wpdb->query( 'ALTER TABLE ' . Schema::outbox() . " CONVERT TO CHARACTER SET $name" );
			foreach ( array( 'table_charset', 'col_meta' ) as $known ) {
				$known = new \ReflectionProperty( \wpdb::class, $known );
				$known->setAccessible( true );
				$known->setValue( $wpdb, array() );
			}
		};
		$charset( 'utf8mb3' );
		try {
			// A ship: four bytes, which an old table does not have room for.
			pressferry_record_event( 'ferry.departed', "\u{1F6A2} 1", array( 'name' => "\u{1F6A2}" ) );
			$wpdb->query( 'ALTER TABLE ' . Schema::outbox() . ' DISCARD TABLESPACE' );
			$id = $this->publish();
			$wpdb->query( 'DROP TABLE ' . Schema::outbox() );
			Schema::repair();
			$charset( 'utf8mb3' );
			$this->tick();
			$this->assertSame( 'sent', $this->status( $id ) );
		} finally {
			$wpdb->query( 'DROP TABLE ' . Schema::outbox() );
			Schema::repair();
			$charset( 'utf8mb4' );
		}
	}

	public function test_a_missing_table_stops_no_tick(): void {
		global $wpdb;
		$wpdb->query( 'DROP TABLE ' . Schema::outbox() );
		$this->tick();
		$this->assertSame( array(), $this->rows() );
	}

	public function test_a_renamed_table_is_made_again_and_what_was_in_it_can_be_put_back(): void {
		global $wpdb;
		if ( ! $wpdb->dbh instanceof \mysqli ) {
			$this->markTestSkipped( 'SQLite\'s stand-in for MySQL does not rename tables' );
		}
		$before = $this->publish();
		$wpdb->query( 'RENAME TABLE ' . Schema::outbox() . ' TO wp_somewhere_else' );
		$id = $this->publish();
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
		$wpdb->query( 'DROP TABLE ' . Schema::outbox() );
		$wpdb->query( 'RENAME TABLE wp_somewhere_else TO ' . Schema::outbox() );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $before ) );
	}

	public function test_a_broken_table_costs_no_event(): void {
		global $wpdb;
		if ( ! $wpdb->dbh instanceof \mysqli ) {
			$this->markTestSkipped( 'SQLite has no file for each table' );
		}
		$wpdb->query( 'ALTER TABLE ' . Schema::outbox() . ' DISCARD TABLESPACE' );
		$id = $this->publish();
		$this->assertSame( array( array( 'mysql_1814', 'option' ) ), $this->reported );
		$this->tick();
		$this->assertSame( 'critical', self::site_health( 'writing' )['status'] );
		$wpdb->query( 'DROP TABLE ' . Schema::outbox() );
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
	}

	public function test_a_database_that_only_reads_costs_no_event(): void {
		global $wpdb;
		if ( ! $wpdb->dbh instanceof \mysqli ) {
			$this->markTestSkipped( 'SQLite has no such mode' );
		}
		$id = $this->publish();
		$wpdb->query( 'SET SESSION TRANSACTION READ ONLY' );
		$form = pressferry_record_event( 'form.submitted', 'read-only', array( 'form_id' => '1', 'fields' => array() ) );
		$this->tick();
		$wpdb->query( 'SET SESSION TRANSACTION READ WRITE' );
		$this->assertSame( array( 'added', array( 'mysql_1792', 'file' ) ), array( $form, $this->reported[0] ) );
		$this->assertSame( array( 'pending', 0 ), array( $this->status( $id ), count( $this->ingress->requests ) ), 'what cannot be noted is not sent' );
		$this->tick();
		$this->assertCount( 2, $this->rows( "status = 'sent'" ) );
	}

	public function test_a_deadlock_is_tried_again(): void {
		$times = 0;
		$this->fault = static function ( $sql ) use ( &$times ) {
			return false !== strpos( $sql, 'INTO ' . Schema::outbox() ) && 1 === ++$times ? 'INSERT INTO pressferry_no_such_table (a) VALUES (1)' : $sql;
		};
		add_filter( 'query', $this->fault );
		$id = $this->publish();
		$this->assertSame( array( 'pending', 2, array() ), array( $this->status( $id ), $times, $this->reported ) );
	}

	public function test_an_event_that_the_outbox_does_not_take_is_kept_in_an_option_reported_and_sent_once_it_does(): void {
		global $wpdb;
		$this->break_statements( 'INTO ' . Schema::outbox() );
		$id = $this->publish();
		$this->assertSame( '0 rows', $this->status( $id ) );
		$this->assertCount( 1, $this->reported );
		$this->assertSame( 'option', $this->reported[0][1] );
		$this->assertMatchesRegularExpression( '/^(mysql_\d+|database_error)$/', $this->reported[0][0] );
		$this->assertSame( 'no', $wpdb->get_var( "SELECT autoload FROM {$wpdb->options} WHERE option_name LIKE '\\_pressferry\\_spool\\_%'" ) );
		$this->tick();
		$this->assertCount( 0, $this->ingress->requests, 'still broken: it stays where it is' );
		$this->repair();
		$this->tick();
		$this->tick();
		$this->assertSame( 'sent', $this->status( $id ) );
		$this->assertCount( 1, $this->ingress->requests );
		$this->assertSame( 0, self::spool()->waiting() );
	}

	public function test_a_database_that_takes_no_writes_at_all_leaves_events_in_an_encrypted_file_until_it_does(): void {
		$this->break_statements( 'INTO ' . Schema::outbox(), 'pressferry_spool_' );
		$ids = array( $this->publish( array( 'post_content' => 'A quiet harbour.' ) ), $this->publish( array( 'post_content' => 'A quiet harbour.' ) ) );
		$this->assertSame( array( 'file', 'file' ), array_column( $this->reported, 1 ) );
		$file = ( new SpoolFile() )->path();
		$this->assertStringNotContainsString( 'harbour', (string) file_get_contents( $file ) );
		$this->assertStringNotContainsString( base64_encode( 'harbour' ), (string) file_get_contents( $file ) );
		$this->tick();
		$this->assertTrue( is_file( $file ) );
		$this->repair();
		$this->tick();
		$this->assertSame( array( 'sent', 'sent', false ), array( $this->status( $ids[0] ), $this->status( $ids[1] ), is_file( $file ) ) );
		$this->assertCount( 2, $this->ingress->requests );
	}

	public function test_the_same_happening_kept_twice_arrives_once(): void {
		$clock  = new Clock();
		$outbox = new Outbox( $clock );
		$event  = new Event( array( 'type' => 'post.published', 'object_ref' => '1', 'data' => array(), 'dedupe_key' => 'twice' ) );
		$spool  = self::spool();
		$spool->keep( $outbox->entry( $event, Payload::freeze( array() ) ), 'test' );
		$spool->keep( $outbox->entry( $event, Payload::freeze( array() ) ), 'test' );
		$this->assertSame( 2, $spool->drain() );
		$this->assertCount( 1, $this->rows() );
	}

	public function test_what_can_be_kept_nowhere_is_counted_as_lost_and_the_owner_is_told(): void {
		$this->break_statements( 'INTO ' . Schema::outbox(), 'pressferry_spool_' );
		$clock  = new Clock();
		$outbox = new Outbox( $clock );
		$full   = new class() extends SpoolFile {
			public function append( string $text ): bool {
				return false;
			}
		};
		$event  = new Event( array( 'type' => 'post.published', 'object_ref' => '1', 'data' => array(), 'dedupe_key' => 'x' ) );
		( new Spool( $outbox, $clock, $full ) )->keep( $outbox->entry( $event, '{}' ), 'mysql_1021' );
		$this->assertSame( array( 1, 1, 'mysql_1021' ), array( Spool::failures()['count'], Spool::failures()['lost'], Spool::failures()['reason'] ) );
		$health = self::site_health( 'writing' );
		$this->assertSame( 'critical', $health['status'] );
		$this->assertStringContainsString( 'mysql_1021', $health['description'] );
		wp_set_current_user( 1 );
		$this->assertStringContainsString( 'mysql_1021', self::notices() );
		wp_set_current_user( 0 );
		$this->assertStringNotContainsString( 'mysql_1021', self::notices(), 'others are not told' );
	}

	public function test_a_line_that_a_full_disk_cut_does_not_keep_the_others(): void {
		$file = new SpoolFile();
		$file->append( 'one' );
		file_put_contents( $file->path(), substr( (string) file_get_contents( $file->path() ), 0, 20 ) . "\n", FILE_APPEND );
		$file->append( 'two' );
		$taken = array();
		$this->assertSame( 2, $file->drain( static function ( $text ) use ( &$taken ) {
			$taken[] = $text;
			return true;
		} ) );
		$this->assertSame( array( 'one', 'two' ), $taken );
		$this->assertTrue( is_file( $file->path() . '.unreadable' ) );
		unlink( $file->path() . '.unreadable' );
	}

	private static function spool(): Spool {
		return new Spool( new Outbox( new Clock() ), new Clock() );
	}

	private static function notices(): string {
		ob_start();
		self::hooked( 'admin_notices', Area::class )->notices();
		return (string) ob_get_clean();
	}
}
