<?php
/**
 * Records one happening, as several processes at once do, and prints whether it was this one that did.
 */
require __DIR__ . '/shim.php';
require dirname( __DIR__ ) . '/bootstrap.php';

$outbox = new Pressferry\Outbox\Outbox( new Pressferry\Tests\FakeClock() );
for ( $i = 0; $i < 40; $i++ ) {
	$event = new Pressferry\Events\Event( array( 'type' => 'order.paid', 'object_ref' => "race-$i", 'data' => array(), 'dedupe_key' => "order.paid:1:$i" ) );
	echo $outbox->insert( $outbox->entry( $event, '{}' ) ), "\n";
}
