<?php
namespace Pressferry\Tests;

final class FakeConfig extends \Pressferry\Config {
	/** @var array<string, string> */
	public $values;

	public function __construct( array $values = array() ) {
		$this->values = $values + array(
			'SITE_ID'     => 'harbour',
			'ISSUER'      => 'https://harbour.example',
			'AUDIENCE'    => 'pressferry',
			'KID'         => 'rsa-1',
			'PRIVATE_KEY' => PluginTestCase::vectors( 'keys' )['keys']['rs256']['private_key'],
			'HMAC_SECRET' => PluginTestCase::SECRET,
			'INGRESS_URL' => 'https://203.0.113.10/ingest',
		);
	}

	public function get( string $name ): string {
		return $this->values[ $name ] ?? '';
	}
}
