/**
 * Connects the sites of a network a few at a time, and says how far it has come. Without this script one request does what it can.
 */
( function () {
	'use strict';
	var settings = window.pressferryNetwork;
	var form = document.getElementById( 'pressferry-network-enrolment' );
	if ( ! settings || ! form ) {
		return;
	}
	var progress = document.getElementById( 'pressferry-network-progress' );
	var list = document.getElementById( 'pressferry-network-outcomes' );
	var tokens = form.elements.tokens;

	function chosen( all ) {
		var boxes = document.querySelectorAll( 'input[name="blogs[]"]:checked' );
		return all ? 'all' : Array.prototype.map.call( boxes, function ( box ) {
			return box.value;
		} ).join( ',' );
	}

	function tell( text ) {
		progress.textContent = text;
	}

	function note( site ) {
		var item = document.createElement( 'li' );
		item.textContent = ( site.ok ? '✓ ' : '✗ ' ) + site.url + ': ' + site.text;
		list.appendChild( item );
	}

	function step( blogs, after ) {
		var fields = { action: settings.action, _wpnonce: settings.nonce, tokens: tokens.value, enrol_url: form.elements.enrol_url.value, blogs: blogs, after: after };
		return fetch( settings.url, { method: 'POST', credentials: 'same-origin', body: new URLSearchParams( fields ) } )
			.then( function ( response ) {
				return response.ok ? response.json() : Promise.reject( response.status );
			} )
			.then( function ( done ) {
				done.sites.forEach( note );
				tokens.value = done.tokens.join( '\n' );
				tell( done.text );
				if ( done.more ) {
					return step( 'all' === blogs ? blogs : done.blogs.join( ',' ), done.after );
				}
			} );
	}

	form.addEventListener( 'submit', function ( event ) {
		var button = event.submitter;
		if ( ! button || ( 'enrol_all' !== button.name && 'enrol_chosen' !== button.name ) ) {
			return;
		}
		event.preventDefault();
		list.textContent = '';
		tell( settings.begun );
		form.setAttribute( 'aria-busy', 'true' );
		step( chosen( 'enrol_all' === button.name ), 0 ).catch( function () {
			tell( settings.broken );
		} ).then( function () {
			form.removeAttribute( 'aria-busy' );
		} );
	} );
} )();
