<?php
/**
 * Where settings come from: environment, then constant, then option – the first that is set wins.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

class Config {

	const REQUIRED = array( 'SITE_ID', 'KID', 'INGRESS_URL', 'HMAC_SECRET', 'PRIVATE_KEY' );

	// Those that may be options; read together, because each would cost a query.
	const OPTIONS = array( 'SITE_ID', 'KID', 'ISSUER', 'AUDIENCE', 'INGRESS_URL', 'HMAC_SECRET', 'HMAC_SECRET_PREVIOUS', 'PRIVATE_KEY', 'PRIVATE_KEY_FILE', 'INSECURE', 'ALLOW_PRIVATE_HOSTS', 'RETRY_BASE_MS', 'RESULTS_URL', 'ENROLLED_HOME', 'KEY_MADE_AT', 'PREVIOUS_UNTIL' );

	// Who a site is. On a network each site is another one: what has no number in its name is said of the main site.
	const IDENTITY = array( 'SITE_ID', 'KID', 'ISSUER', 'HMAC_SECRET', 'HMAC_SECRET_PREVIOUS', 'PRIVATE_KEY', 'PRIVATE_KEY_FILE' );

	// What a network's screen may set for all its sites.
	const OF_THE_NETWORK = array( 'INGRESS_URL', 'RESULTS_URL' );

	// What copies a site writes its new URL over the old one wherever it finds that: of where the site was enrolled it must find nothing.
	const HEX = 'hex:';

	/** @var array<int, bool> Blogs whose options this process has read. */
	private static $read = array();

	/**
	 * The value of a setting, e.g. `SITE_ID` for PRESSFERRY_SITE_ID; an empty string when it is set nowhere.
	 */
	public function get( string $name ): string {
		return $this->find( $name )[0];
	}

	/**
	 * The value of a setting that the environment or a constant gives, so no screen can change it; an empty string when none does.
	 * Reads nothing from the database, but what a network sets for all its sites.
	 */
	public function locked( string $name ): string {
		foreach ( self::given( $name ) as $value ) {
			if ( is_scalar( $value ) && '' !== (string) $value && false !== $value ) {
				return true === $value ? 'true' : (string) $value;
			}
		}
		return '';
	}

	/**
	 * Where a setting comes from: environment, constant, network, option, file, default or none. Never its value.
	 */
	public function source( string $name ): string {
		return $this->find( $name )[1];
	}

	/**
	 * Whether a yes/no setting is on: true, 1, yes or on.
	 */
	public function flag( string $name ): bool {
		return in_array( strtolower( $this->get( $name ) ), array( '1', 'true', 'yes', 'on' ), true );
	}

	/**
	 * The secrets that verify what comes in, newest first: two during a rotation.
	 *
	 * @return string[]
	 */
	public function secrets(): array {
		$until    = (int) $this->get( 'PREVIOUS_UNTIL' );
		$previous = 0 === $until || time() < $until ? $this->get( 'HMAC_SECRET_PREVIOUS' ) : '';
		return array_values( array_filter( array( $this->get( 'HMAC_SECRET' ), $previous ), 'strlen' ) );
	}

	/**
	 * The home URL under which this site was enrolled, if the present one is another: it moved, or it is a copy with the site's keys.
	 */
	public function copy_of(): string {
		$enrolled = $this->get( 'ENROLLED_HOME' );
		return '' === $enrolled || '' !== $this->locked( 'ISSUER' ) || self::home() === $enrolled ? '' : $enrolled;
	}

	/**
	 * A hash of everything that decides whether the backend accepts this site: it changes when someone changes a setting.
	 */
	public function fingerprint(): string {
		$values = array();
		foreach ( array( 'SITE_ID', 'ISSUER', 'AUDIENCE', 'KID', 'PRIVATE_KEY', 'HMAC_SECRET', 'INGRESS_URL', 'ALLOW_PRIVATE_HOSTS' ) as $name ) {
			$values[] = $this->get( $name );
		}
		return substr( hash_hmac( 'sha256', implode( "\0", $values ), wp_salt( 'auth' ) ), 0, 16 );
	}

	/**
	 * The required settings that are missing, by name, or why one that is there cannot be used.
	 *
	 * @return string[]
	 */
	public function missing(): array {
		$missing = array();
		foreach ( self::REQUIRED as $name ) {
			if ( '' === $this->get( $name ) ) {
				$why       = $this->unusable( $name );
				$missing[] = '' === $why ? 'PRESSFERRY_' . $name : $why;
			}
		}
		return $missing;
	}

	/**
	 * @return array{0: string, 1: string} Value and source.
	 */
	private function find( string $name ): array {
		foreach ( $this->lookups( $name ) as $source => $value ) {
			if ( is_scalar( $value ) && '' !== (string) $value && false !== $value ) {
				return array( true === $value ? 'true' : (string) $value, $source );
			}
		}
		if ( 'PRIVATE_KEY' === $name ) {
			$file = $this->get( 'PRIVATE_KEY_FILE' );
			// phpcs:ignore WordPress.PHP.NoSilencedErrors -- open_basedir warns of a file outside; the status names it.
			if ( '' !== $file && @is_file( $file ) && is_readable( $file ) ) {
				// phpcs:ignore WordPress.WP.AlternativeFunctions.file_get_contents_file_get_contents -- a local, mounted file.
				return array( trim( (string) file_get_contents( $file ) ), 'file' );
			}
		}
		if ( 'AUDIENCE' === $name ) {
			return array( 'pressferry', 'default' );
		}
		return 'ISSUER' === $name ? array( self::home(), 'default' ) : array( '', 'none' );
	}

	/**
	 * The home URL as it is stored: home_url() is the present language's to plugins that translate, and its scheme the visitor's.
	 */
	public static function home(): string {
		// One that wp-config.php makes of the request's Host has none where there is no request: on the command line.
		if ( defined( 'WP_HOME' ) && ! is_multisite() && is_string( wp_parse_url( (string) WP_HOME, PHP_URL_HOST ) ) ) {
			return untrailingslashit( (string) WP_HOME );
		}
		$options = wp_load_alloptions();
		return untrailingslashit( (string) ( $options['home'] ?? get_option( 'home' ) ) );
	}

	/**
	 * What environment and constants give, the strongest first. On a network `PRESSFERRY_…_<number>` is of the site with this number alone.
	 */
	private static function given( string $name ): \Generator {
		$names = array( 'PRESSFERRY_' . $name );
		if ( is_multisite() ) {
			$of_all = in_array( $name, self::IDENTITY, true ) && ! Network::is_main_site() ? array() : $names;
			$names  = array_merge( array( $names[0] . '_' . get_current_blog_id() ), $of_all );
		}
		foreach ( $names as $constant ) {
			yield 'environment' => getenv( $constant );
			yield 'constant' => defined( $constant ) ? constant( $constant ) : '';
		}
		if ( is_multisite() && in_array( $name, self::OF_THE_NETWORK, true ) ) {
			yield 'network' => get_site_option( NetworkSettings::option( $name ), '' );
		}
	}

	/**
	 * A generator, so the option is read only when nothing stronger is set.
	 */
	private function lookups( string $name ): \Generator {
		yield from self::given( $name );
		self::read_options();
		$stored = get_option( 'pressferry_' . strtolower( $name ), '' );
		yield 'option' => is_string( $stored ) ? self::read( $stored ) : $stored;
	}

	/**
	 * Stores a setting of the screen or the command line; an empty value removes it. Never loaded with every page; secrets are sealed.
	 */
	public function store( string $name, string $value ): void {
		$option = 'pressferry_' . strtolower( $name );
		if ( '' === $value ) {
			delete_option( $option );
			return;
		}
		$stored = in_array( $name, Secrets::NAMES, true ) ? Secrets::seal( $value ) : $value;
		$stored = 'ENROLLED_HOME' === $name ? self::HEX . bin2hex( $value ) : $stored;
		// An option that was stored otherwise keeps its way of loading; so it goes first.
		delete_option( $option );
		add_option( $option, $stored, '', 'no' );
	}

	private static function read( string $stored ): ?string {
		return 0 === strpos( $stored, self::HEX ) ? (string) hex2bin( substr( $stored, strlen( self::HEX ) ) ) : Secrets::open( $stored );
	}

	/**
	 * Why a setting that is there cannot be used, or an empty string: a sealed one after the salts were changed, a key file that PHP may not read.
	 */
	public function unusable( string $name ): string {
		$stored = get_option( 'pressferry_' . strtolower( $name ), '' );
		if ( '' === $this->locked( $name ) && is_string( $stored ) && '' !== $stored && null === Secrets::open( $stored ) ) {
			/* translators: %s: a setting's name. */
			return sprintf( __( '%s was sealed with the former salts of wp-config.php: enter it again', 'pressferry' ), 'PRESSFERRY_' . $name );
		}
		$file = 'PRIVATE_KEY' === $name ? $this->get( 'PRIVATE_KEY_FILE' ) : '';
		if ( '' !== $file && '' === $this->get( 'PRIVATE_KEY' ) ) {
			return __( 'the file that PRESSFERRY_PRIVATE_KEY_FILE names is not there, or PHP may not read it', 'pressferry' );
		}
		return '';
	}

	/**
	 * Reads all options at once into WordPress' cache of options, as wp_prime_option_caches does since 6.4.
	 */
	private static function read_options(): void {
		$blog = get_current_blog_id();
		if ( isset( self::$read[ $blog ] ) ) {
			return;
		}
		self::$read[ $blog ] = true;

		$names = array();
		foreach ( self::OPTIONS as $name ) {
			$names[] = 'pressferry_' . strtolower( $name );
		}
		if ( function_exists( 'wp_prime_option_caches' ) ) {
			wp_prime_option_caches( $names );
			return;
		}
		// What every request loads is deleted from that cache alone.
		$names = array_values( array_diff( $names, array_keys( wp_load_alloptions() ) ) );
		if ( array() === $names ) {
			return;
		}
		global $wpdb;
		$places  = implode( ', ', array_fill( 0, count( $names ), '%s' ) );
		$rows    = $wpdb->get_results( $wpdb->prepare( "SELECT option_name, option_value FROM {$wpdb->options} WHERE option_name IN ({$places})", $names ), OBJECT_K ); // phpcs:ignore WordPress.DB -- it fills the cache.
		$missing = wp_cache_get( 'notoptions', 'options' );
		$missing = is_array( $missing ) ? $missing : array();
		$before  = $missing;
		foreach ( $names as $name ) {
			if ( isset( $rows[ $name ] ) ) {
				wp_cache_add( $name, $rows[ $name ]->option_value, 'options' );
			} else {
				$missing[ $name ] = true;
			}
		}
		// Another process may have added an option meanwhile, whose name this would write back.
		$before === $missing || wp_cache_set( 'notoptions', $missing, 'options' );
	}
}
