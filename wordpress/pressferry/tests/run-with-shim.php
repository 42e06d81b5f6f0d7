<?php
/**
 * Entry of the lane without PHPUnit: WordPress in Playground, on SQLite.
 */

require_once __DIR__ . '/support/shim.php';
require_once __DIR__ . '/bootstrap.php';

$counts = PHPUnit\Framework\run_all( __DIR__ );
echo 'RESULT ', json_encode( $counts ), "\n";
exit( 0 === $counts['failed'] ? 0 : 1 );
