/**
 * Asks the server for a box of the screen again, and replaces its content if it differs. Resolves when that is done, or failed.
 */
window.pressferryReplaceBox = function ( box, url, fields ) {
	'use strict';
	return fetch( url, { method: 'POST', credentials: 'same-origin', body: new URLSearchParams( fields ) } )
		.then( function ( response ) {
			return response.ok ? response.text() : Promise.reject( response.status );
		} )
		.then( function ( html ) {
			if ( html !== box.innerHTML ) {
				box.innerHTML = html;
			}
		} )
		.catch( function () {} );
};
