<?php
/**
 * Form plugins as far as our sources see them: the same hooks, arguments and objects, in the order in which the plugins fire them.
 */
namespace {
	if ( ! class_exists( 'WPCF7_Submission' ) ) {
		class WPCF7_Submission {
			public static $posted = array();
			public static $meta   = array();

			public static function get_instance() {
				return new self();
			}
			public function get_posted_data() {
				return self::$posted;
			}
			public function get_meta( $name ) {
				return self::$meta[ $name ] ?? null;
			}
		}
	}
}

namespace Pressferry\Tests {

	final class FakeContactForm {
		public function id(): int {
			return 7;
		}
		public function title(): string {
			return 'Contact';
		}
		public function scan_form_tags(): array {
			return array_map( static function ( $tag ) {
				return (object) $tag;
			}, array( array( 'name' => 'email', 'basetype' => 'email' ), array( 'name' => 'cv', 'basetype' => 'file' ), array( 'name' => 'sum', 'basetype' => 'quiz' ) ) );
		}
	}

	final class FakeElementorRecord {
		public function get( string $what ): array {
			return array(
				'email'  => array( 'id' => 'email', 'type' => 'email', 'title' => 'E-mail', 'value' => 'ada@site.example' ),
				'secret' => array( 'id' => 'secret', 'type' => 'password', 'title' => 'Password', 'value' => 'hunter2' ),
			);
		}
		public function get_form_settings( string $name ): string {
			return array( 'id' => '3a1b', 'form_name' => 'Booking' )[ $name ];
		}
	}

	final class FakeForms {
		public static function cf7( string $status, array $more = array() ): void {
			do_action( 'wpcf7_submit', new FakeContactForm(), $more + array( 'status' => $status, 'contact_form_id' => 7 ) );
		}

		public static function wpforms( $entry_id ): void {
			$fields = array(
				1 => array( 'id' => 1, 'name' => 'Name', 'value' => 'Ada Lovelace', 'type' => 'name', 'first' => 'Ada', 'last' => 'Lovelace' ),
				2 => array( 'id' => 2, 'name' => 'Topics', 'value' => "Prices\nFerries", 'type' => 'checkbox' ),
				3 => array( 'id' => 3, 'name' => 'Password', 'value' => 'hunter2', 'type' => 'password' ),
				4 => array( 'id' => 4, 'name' => 'Name', 'value' => 'again', 'type' => 'text' ),
			);
			do_action( 'wpforms_process_complete', $fields, array( 'fields' => array() ), array( 'id' => '11', 'settings' => array( 'form_title' => 'Booking' ) ), $entry_id );
		}

		public static function gravity( string $status ): void {
			$fields = array(
				(object) array( 'id' => 1, 'type' => 'name', 'label' => 'Name', 'inputs' => array( array( 'id' => '1.3' ), array( 'id' => '1.6' ) ) ),
				(object) array( 'id' => 2, 'type' => 'checkbox', 'label' => 'Topics', 'inputs' => array( array( 'id' => '2.1' ), array( 'id' => '2.2' ) ) ),
				(object) array( 'id' => 3, 'type' => 'password', 'label' => 'Password', 'inputs' => null ),
				(object) array( 'id' => 4, 'type' => 'textarea', 'label' => '', 'inputs' => null ),
				(object) array( 'id' => 5, 'type' => 'section', 'label' => 'About you', 'inputs' => null ),
			);
			$entry  = array( 'id' => '77', 'form_id' => '5', 'status' => $status, 'source_url' => 'https://site.example/contact/', '1.3' => 'Ada', '1.6' => 'Lovelace', '2.1' => '', '2.2' => 'Ferries', '3' => 'hunter2', '4' => 'Hello' );
			do_action( 'gform_after_submission', $entry, array( 'id' => 5, 'title' => 'Contact', 'fields' => $fields ) );
		}

		public static function ninja( bool $preview ): void {
			do_action( 'ninja_forms_after_submission', array(
				'form_id'  => 4,
				'settings' => array( 'title' => 'Contact', 'is_preview' => $preview ? 1 : 0 ),
				'fields'   => array( 12 => array( 'key' => 'email', 'type' => 'email', 'value' => 'ada@site.example' ), 13 => array( 'key' => 'topics', 'type' => 'listcheckbox', 'value' => array( 'prices', 3 ) ), 14 => array( 'key' => 'go', 'type' => 'submit', 'value' => 'Send' ) ),
				'actions'  => array( 'save' => array( 'sub_id' => 88 ) ),
			) );
		}

		public static function elementor(): void {
			do_action( 'elementor_pro/forms/new_record', new FakeElementorRecord(), new \stdClass() );
		}
	}
}
