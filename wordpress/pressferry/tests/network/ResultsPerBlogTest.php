<?php
namespace Pressferry\Tests\Network;

final class ResultsPerBlogTest extends NetworkCase {
	/**
	 * @return array{0: int, 1: array<string, mixed>} A post's id, and the event of blog two that is about it.
	 */
	private function sent_by_two(): array {
		$make = static function (): int {
			return wp_insert_post( array( 'import_id' => 4711, 'post_title' => 'Fog', 'post_status' => 'publish' ) );
		};
		$mine = $make();
		$post = self::on( $this->two, $make );
		$this->assertSame( $mine, $post, 'both blogs have a post of this number' );
		$this->end_request();
		self::on( $this->two, array( self::part( 'dispatcher' ), 'dispatch' ) );
		return array( $post, $this->rows_of( $this->two )[0] );
	}

	protected function tearDown(): void {
		wp_delete_post( 4711, true );
		parent::tearDown();
	}

	public function test_a_result_attaches_to_the_post_of_the_blog_that_sent_the_event(): void {
		list( $post, $row ) = $this->sent_by_two();
		$answer             = self::on(
			$this->two,
			static function () use ( $row ): \WP_REST_Response {
				return self::push_for( $row, 'two' );
			}
		);
		$this->assertSame( array( 200, 'stored' ), array( $answer->get_status(), $answer->get_data()['status'] ) );
		$this->assertCount( 0, pressferry_get_results( $post ) );
		$results = self::on(
			$this->two,
			static function () use ( $post ): array {
				return pressferry_get_results( $post );
			}
		);
		$this->assertCount( 1, $results );
	}

	public function test_a_result_for_another_blogs_event_is_refused_whosever_secret_signs_it(): void {
		list( $post, $row ) = $this->sent_by_two();
		$this->assertSame( 401, self::push_for( $row, 'two' )->get_status() );
		$answer = self::push_for( $row, 'one' );
		$this->assertSame( array( 404, 'pressferry_event_unknown' ), array( $answer->get_status(), $answer->get_data()['code'] ) );
		$this->assertCount( 0, pressferry_get_results( $post ) );
	}

	public function test_a_result_that_names_another_post_than_its_event_did_is_refused(): void {
		list( , $row )     = $this->sent_by_two();
		$row['object_ref'] = '1';
		$answer            = self::on(
			$this->two,
			static function () use ( $row ): \WP_REST_Response {
				return self::push_for( $row, 'two' );
			}
		);
		$this->assertSame( 404, $answer->get_status() );
	}
}
