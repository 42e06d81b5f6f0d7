<?php
/**
 * Claims until nothing is left, and prints the id of each row it got.
 */
require __DIR__ . '/shim.php';
require dirname( __DIR__ ) . '/bootstrap.php';

$outbox = new Pressferry\Outbox\Outbox( new Pressferry\Tests\FakeClock() );
for ( $rows = $outbox->claim( 7 ); array() !== $rows; $rows = $outbox->claim( 7 ) ) {
	foreach ( $rows as $row ) {
		echo $row['id'], "\n";
	}
}
