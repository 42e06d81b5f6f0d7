<?php
namespace Pressferry\Tests;

final class BlackHoleTest extends PluginTestCase {
	protected function setUp(): void {
		parent::setUp();
		if ( false === getenv( 'PRESSFERRY_TEST_WORDPRESS' ) ) {
			$this->markTestSkipped( "Playground's network proxy accepts every connection itself" );
		}
	}

	/**
	 * @return array{0: float, 1: array<string, mixed>} Seconds, and the row afterwards.
	 */
	private function timed_send( int $port ): array {
		$this->ingress->remove();
		$this->config = new FakeConfig( array( 'INGRESS_URL' => "http://127.0.0.1:$port/ingest", 'INSECURE' => '1', 'ALLOW_PRIVATE_HOSTS' => '1' ) );
		$key          = $this->add_event();
		$start        = microtime( true );
		$this->dispatcher()->dispatch();
		return array( microtime( true ) - $start, $this->row( $key ) );
	}

	public function test_a_host_that_never_answers_the_connection_costs_3_s(): void {
		// A full backlog drops the SYN: one waiting connection is all that listen(0) admits.
		$server = socket_create( AF_INET, SOCK_STREAM, SOL_TCP );
		socket_bind( $server, '127.0.0.1', 0 );
		socket_listen( $server, 0 );
		socket_getsockname( $server, $host, $port );
		$fillers = array();
		for ( $i = 0; $i < 4; $i++ ) {
			$filler = socket_create( AF_INET, SOCK_STREAM, SOL_TCP );
			socket_set_nonblock( $filler );
			@socket_connect( $filler, '127.0.0.1', $port );
			$fillers[] = $filler;
		}
		list( $seconds, $row ) = $this->timed_send( $port );
		$this->assertGreaterThanOrEqual( 2.5, $seconds );
		$this->assertLessThanOrEqual( 3.6, $seconds );
		$this->assertSame( array( 'pending', 'timed_out' ), array( $row['status'], $row['last_error'] ) );
	}

	public function test_a_host_that_connects_and_stays_silent_costs_5_s(): void {
		$server                = stream_socket_server( 'tcp://127.0.0.1:0' );
		list( $seconds, $row ) = $this->timed_send( (int) explode( ':', stream_socket_get_name( $server, false ) )[1] );
		$this->assertGreaterThanOrEqual( 4.5, $seconds );
		$this->assertLessThanOrEqual( 5.6, $seconds );
		$this->assertSame( 'pending', $row['status'] );
	}
}
