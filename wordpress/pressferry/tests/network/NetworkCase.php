<?php
namespace Pressferry\Tests\Network;

use Pressferry\Backend\KeyPair;
use Pressferry\Config;
use Pressferry\Http\Signer;
use Pressferry\Outbox\Trigger;
use Pressferry\Tests\PluginTestCase;
use Pressferry\Tests\ScenarioCase;

/**
 * A network with a second and a third blog; each has its own site id, key and secret.
 */
abstract class NetworkCase extends ScenarioCase {
	/** @var int */
	protected $two;

	/** @var int */
	protected $three;

	/** @var array<string, int> By name. */
	private static $blogs = array();

	/** @var array<string, array{0: string, 1: string}> Key pairs by site id: private, public. */
	private static $keys = array();

	protected function setUp(): void {
		parent::setUp();
		$this->two   = self::blog( 'two' );
		$this->three = self::blog( 'three' );
		wp_cache_flush();
		foreach ( array( 'one' => 1, 'two' => $this->two, 'three' => $this->three ) as $site_id => $blog ) {
			self::connect( $blog, $site_id );
		}
	}

	protected function tearDown(): void {
		// What a test left for the end of the request belongs to no other.
		$this->end_request();
		self::trigger()->on_shutdown();
		unset( $_SERVER['REQUEST_METHOD'] );
		while ( ms_is_switched() ) {
			restore_current_blog();
		}
		parent::tearDown();
	}

	/**
	 * A blog without anything of the plugin: a new one, or that of an earlier test, since making one takes long.
	 */
	private static function blog( string $name ): int {
		global $wpdb;
		$blog = self::$blogs[ $name ] ?? 0;
		if ( 0 === $blog || null === get_site( $blog ) ) {
			$blog = self::$blogs[ $name ] = wpmu_create_blog( 'site.example', '/' . $name . wp_rand() . '/', $name, 1 );
			self::assertIsInt( $blog );
			return $blog;
		}
		$prefix = $wpdb->get_blog_prefix( $blog );
		$wpdb->query( "DROP TABLE IF EXISTS {$prefix}pressferry_outbox, {$prefix}pressferry_inbox" );
		$wpdb->query( "DELETE FROM {$prefix}options WHERE option_name LIKE '%pressferry%' OR option_name = 'cron'" );
		$wpdb->query( "UPDATE {$prefix}options SET option_value = 'a:0:{}' WHERE option_name = 'active_plugins'" );
		$wpdb->query( "DELETE FROM {$prefix}posts" );
		return $blog;
	}

	/**
	 * Does something on a blog, as code of another blog's request does it.
	 *
	 * @return mixed
	 */
	protected static function on( int $blog, callable $work ) {
		switch_to_blog( $blog );
		try {
			return $work();
		} finally {
			restore_current_blog();
		}
	}

	protected static function connect( int $blog, string $site_id ): void {
		self::$keys[ $site_id ] = self::$keys[ $site_id ] ?? KeyPair::make();
		self::on(
			$blog,
			static function () use ( $site_id ): void {
				$config = new Config();
				$values = array( 'SITE_ID' => $site_id, 'KID' => "key-of-$site_id", 'PRIVATE_KEY' => self::$keys[ $site_id ][0], 'HMAC_SECRET' => self::secret( $site_id ), 'INGRESS_URL' => 'https://203.0.113.10/ingest', 'RESULTS_URL' => 'https://203.0.113.30' );
				foreach ( $values as $name => $value ) {
					$config->store( $name, $value );
				}
			}
		);
	}

	protected static function secret( string $site_id ): string {
		return "secret of $site_id";
	}

	/**
	 * Asserts that a request was made and signed by the keys of this site alone.
	 *
	 * @param array<string, mixed> $request As the fake ingress saw it.
	 * @return array<string, mixed> Its body.
	 */
	protected static function assert_signed_by( string $site_id, int $blog, array $request ): array {
		list( $head, $claims, $signature ) = explode( '.', substr( $request['headers']['Authorization'], strlen( 'Bearer ' ) ) );
		$decode                            = static function ( string $part ): string {
			return (string) base64_decode( strtr( $part, '-_', '+/' ) );
		};
		self::assertSame( 1, openssl_verify( "$head.$claims", $decode( $signature ), self::$keys[ $site_id ][1], OPENSSL_ALGO_SHA256 ), 'signed by the key of ' . $site_id );
		$claims = json_decode( $decode( $claims ), true );
		self::assertSame( array( $site_id, self::home( $blog ), "key-of-$site_id" ), array( $claims['sub'], $claims['iss'], json_decode( $decode( $head ), true )['kid'] ) );
		if ( isset( $request['headers']['X-Signature'] ) ) {
			self::assertSame( Signer::sign( $request['body'], self::secret( $site_id ) ), $request['headers']['X-Signature'] );
		}
		return (array) json_decode( (string) $request['body'], true );
	}

	protected static function home( int $blog ): string {
		return untrailingslashit( get_home_url( $blog ) );
	}

	/**
	 * @return array<int, array<string, mixed>> The rows of a blog's outbox; empty, too, while it has no table.
	 */
	protected function rows_of( int $blog ): array {
		global $wpdb;
		return self::has_table( $blog, 'outbox' ) ? (array) $wpdb->get_results( 'SELECT * FROM ' . $wpdb->get_blog_prefix( $blog ) . 'pressferry_outbox ORDER BY id', ARRAY_A ) : array();
	}

	protected static function has_table( int $blog, string $name ): bool {
		global $wpdb;
		$table = $wpdb->get_blog_prefix( $blog ) . 'pressferry_' . $name;
		return $table === $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $wpdb->esc_like( $table ) ) );
	}

	protected static function trigger(): Trigger {
		return self::hooked( 'shutdown', Trigger::class );
	}

	/**
	 * The backend's push of a result for a row, to the present blog.
	 *
	 * @param array<string, mixed> $row     An outbox row.
	 * @param string               $site_id Whose secret signs it.
	 */
	protected static function push_for( array $row, string $site_id ): \WP_REST_Response {
		$request = PluginTestCase::push(
			array( 'idempotency_key' => $row['idempotency_key'], 'event_type' => $row['event_type'], 'object_ref' => $row['object_ref'] ),
			array( 'secret' => self::secret( $site_id ) )
		);
		return rest_do_request( $request );
	}
}
