/**
 * Keeps the results box of the edit screen true: the block editor saves without loading the page again.
 */
( function () {
	'use strict';
	var settings = window.pressferryResultsBox;
	var box = document.getElementById( 'pressferry-results-content' );
	if ( ! settings || ! box ) {
		return;
	}
	var left = 0;
	var timer;

	function refresh() {
		clearTimeout( timer );
		var fields = { action: 'pressferry_results', post: settings.post, _wpnonce: settings.nonce };
		window.pressferryReplaceBox( box, settings.url, fields ).then( function () {
			left--;
			if ( left > 0 ) {
				timer = setTimeout( refresh, 3000 );
			}
		} );
	}

	if ( window.wp && wp.data && wp.data.select( 'core/editor' ) ) {
		var wasSaving = false;
		wp.data.subscribe( function () {
			var editor = wp.data.select( 'core/editor' );
			var isSaving = editor.isSavingPost() && ! editor.isAutosavingPost();
			if ( wasSaving && ! isSaving ) {
				// An event is sent, and its result comes back, within a minute or so.
				left = 30;
				refresh();
			}
			wasSaving = isSaving;
		} );
	}
} )();
