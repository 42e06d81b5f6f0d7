<?php
/**
 * Events of a database that takes no writes at all: one line each in a file of the uploads folder, encrypted, for servers hand out
 * what lies in that folder.
 *
 * @package Pressferry
 */

declare( strict_types=1 );

namespace Pressferry\Outbox;

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

// phpcs:disable WordPress.WP.AlternativeFunctions, WordPress.PHP.NoSilencedErrors -- WP_Filesystem may ask for an FTP password, and knows no locks; a failure is answered.
// phpcs:disable WordPress.PHP.DiscouragedPHPFunctions -- base64 keeps a line a line.

class SpoolFile {

	const MAX_BYTES = 8388608;

	/**
	 * Adds one line; false when the file cannot be written or is full.
	 */
	public function append( string $text ): bool {
		$handle = $this->lock( 'c+b', LOCK_EX );
		if ( null === $handle ) {
			return false;
		}
		fseek( $handle, 0, SEEK_END );
		$size  = ftell( $handle );
		$line  = $this->seal( $text ) . "\n";
		$fits  = $size + strlen( $line ) <= self::MAX_BYTES;
		$whole = $fits && strlen( $line ) === @fwrite( $handle, $line ) && fflush( $handle );
		if ( $fits && ! $whole ) {
			// A full disk cuts the line; the next one begins where this one did.
			ftruncate( $handle, $size );
		}
		fclose( $handle );
		return $whole;
	}

	public function exists(): bool {
		return is_file( $this->path() );
	}

	/**
	 * Hands each line to $move; removes the file once all are taken. A line may be handed out again: its event has a key.
	 *
	 * @param callable(string): bool $move
	 * @return int How many were taken.
	 */
	public function drain( callable $move ): int {
		$handle = $this->exists() ? $this->lock( 'r+b', LOCK_EX | LOCK_NB ) : null;
		if ( null === $handle ) {
			return 0;
		}
		$counts = array(
			'taken'      => 0,
			'left'       => 0,
			'unreadable' => 0,
		);
		foreach ( array_filter( explode( "\n", (string) stream_get_contents( $handle ) ) ) as $line ) {
			$text = $this->open( $line );
			++$counts[ null === $text ? 'unreadable' : ( $move( $text ) ? 'taken' : 'left' ) ];
		}
		if ( 0 === $counts['left'] ) {
			// What the present salts do not open is set aside for a person who has the former ones.
			0 === $counts['unreadable'] ? unlink( $this->path() ) : rename( $this->path(), $this->path() . '.unreadable' );
		}
		fclose( $handle );
		return $counts['taken'];
	}

	/**
	 * Removes the file and what was set aside, with the events in them; for uninstalling.
	 */
	public function remove(): void {
		foreach ( array( '', '.unreadable' ) as $end ) {
			if ( is_file( $this->path() . $end ) ) {
				unlink( $this->path() . $end );
			}
		}
	}

	/**
	 * The file of the present site; its name cannot be guessed.
	 */
	public function path(): string {
		$dir = wp_get_upload_dir()['basedir'];
		if ( ! is_dir( $dir ) ) {
			wp_mkdir_p( $dir );
		}
		return $dir . '/pressferry-' . substr( hash_hmac( 'sha256', 'spool.' . get_current_blog_id(), wp_salt( 'auth' ) ), 0, 20 ) . '.bin';
	}

	/**
	 * Opens and locks the file; again if another process removed it while this one waited.
	 *
	 * @return resource|null
	 */
	private function lock( string $mode, int $operation ) {
		for ( $tries = 0; $tries < 5; $tries++ ) {
			$handle = @fopen( $this->path(), $mode );
			if ( false === $handle || ! flock( $handle, $operation ) ) {
				return null;
			}
			clearstatcache( true, $this->path() );
			$inode = is_file( $this->path() ) ? fileinode( $this->path() ) : -1;
			if ( fstat( $handle )['ino'] === $inode ) {
				return $handle;
			}
			fclose( $handle );
		}
		return null;
	}

	private function seal( string $text ): string {
		$nonce = random_bytes( SODIUM_CRYPTO_SECRETBOX_NONCEBYTES );
		return base64_encode( $nonce . sodium_crypto_secretbox( $text, $nonce, $this->key() ) );
	}

	private function open( string $line ): ?string {
		$bytes = (string) base64_decode( $line, true );
		if ( strlen( $bytes ) <= SODIUM_CRYPTO_SECRETBOX_NONCEBYTES ) {
			return null;
		}
		$text = sodium_crypto_secretbox_open( substr( $bytes, SODIUM_CRYPTO_SECRETBOX_NONCEBYTES ), substr( $bytes, 0, SODIUM_CRYPTO_SECRETBOX_NONCEBYTES ), $this->key() );
		return false === $text ? null : $text;
	}

	private function key(): string {
		return hash_hmac( 'sha256', 'pressferry-spool', wp_salt( 'auth' ), true );
	}
}
