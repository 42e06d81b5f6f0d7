/**
 * Keeps the steps of the test event true while it is on its way.
 */
( function () {
	'use strict';
	var settings = window.pressferryRoundTrip;
	var box = document.getElementById( 'pressferry-round-trip' );
	if ( ! settings || ! box ) {
		return;
	}

	function isOver() {
		var steps = box.querySelector( '.pressferry-steps' );
		return ! steps || '1' === steps.getAttribute( 'data-over' );
	}

	function refresh() {
		var fields = { action: settings.action, _wpnonce: settings.nonce };
		window.pressferryReplaceBox( box, settings.url, fields ).then( function () {
			if ( ! isOver() ) {
				setTimeout( refresh, 1000 );
			}
		} );
	}

	if ( ! isOver() ) {
		setTimeout( refresh, 500 );
	}
} )();
